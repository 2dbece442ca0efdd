"""Sweeps: many runs of one command, resumable, with a leaderboard, a page and the best config."""
