"""Reasons why a number differs from another one: exact by scoring again, bounded, or unknown."""
