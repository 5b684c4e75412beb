"""A run on disk: its folder, its record, its results, and the bundle of all of them."""
