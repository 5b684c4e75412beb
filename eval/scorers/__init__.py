"""Turns predictions into scores, and scores into metrics."""
