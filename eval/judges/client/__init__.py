"""Asks a model behind an OpenAI-compatible server: one request, many requests, and what they may cost."""
