"""Answers questions about predictions: who is asked, in which words, and what counts as an answer."""
