"""Comparison of two judges on the same predictions."""
