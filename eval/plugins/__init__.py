"""Folders and packages by which users add choices to conf/, and classes that these name."""
