"""Whether a change moved anything: exactly, on the built-in world, and by a margin, on runs of the user's own."""
