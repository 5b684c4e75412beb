"""The benchmarks of the built-in world, one module for each tree of files, as its data set is distributed."""
