"""Why a number differs from another one: what scoring again can show, what can be bounded, and what stays unknown."""
