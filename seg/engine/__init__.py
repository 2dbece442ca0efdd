"""Runs the parts: train, go on with a run, score, or try one batch."""
