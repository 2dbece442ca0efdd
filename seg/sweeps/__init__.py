"""Sweeps: many runs of one command, that go on after a failure and end with what they found."""
