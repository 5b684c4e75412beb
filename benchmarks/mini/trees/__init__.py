"""The benchmarks of the built-in world, one module for each tree of files, as its data set is distributed.

A tree has `FIRST_SEED`, from which its clips are made, 5,000 apart from every other's, and `write(world, first)`.
"""
