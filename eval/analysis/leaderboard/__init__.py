"""The leaderboard of all runs: rows, the file that stores them, and the data that makes a row reproducible."""
