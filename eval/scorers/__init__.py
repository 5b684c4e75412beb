"""Scorers: turn predictions into scores, and scores into metrics."""
