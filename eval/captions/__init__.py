"""Score captions against reference captions with pycocoevalcap's results, without Java."""
