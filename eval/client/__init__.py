"""Client of a model behind an OpenAI-compatible server: single requests, many requests, and their cost."""
