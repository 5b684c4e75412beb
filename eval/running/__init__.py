"""From checked settings to a result: predict, score, resume."""
