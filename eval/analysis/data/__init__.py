"""A data folder: what is expected in it, what is there, and what is odd about it."""
