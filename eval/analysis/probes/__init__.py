"""Probes of a run: what its score comes from."""
