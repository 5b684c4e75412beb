"""Runs as a data set that others can load: Parquet, a card, and records of the results in the forms of the field."""
