"""Scores of captions against reference captions, as pycocoevalcap gives them, without Java."""
