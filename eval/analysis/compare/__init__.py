"""Two models, or two settings of one, on the same samples."""
