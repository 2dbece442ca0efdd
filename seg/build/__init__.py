"""Configuration -> parts: the composition root."""
