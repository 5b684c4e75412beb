"""The built-in world: rendered clips, questions about them, and a Tarsier checkpoint small enough to commit."""
