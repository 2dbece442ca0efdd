"""Runs of the parts: train, resume, score, or try one batch."""
