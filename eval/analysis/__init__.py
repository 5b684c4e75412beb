"""Compares, explains and collects existing results; each view stands beside the code whose results it shows."""
