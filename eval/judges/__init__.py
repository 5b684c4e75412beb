"""Ask judges about predictions: the judges, the wording of their questions, and the parsing of their replies."""
