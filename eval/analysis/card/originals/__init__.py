"""Labelled sets as their owners publish them: a file a set, which `find` finds by its `ORIGINAL`; no list names it."""
