"""Checks that a change moved no result: exactly on the built-in world, and by a margin on the user's own runs."""
