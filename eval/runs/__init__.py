"""Runs on disk: folder, record, results, and the bundle of all of them."""
