"""Output for people: the terminal."""
