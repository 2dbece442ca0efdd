"""Loggers for servers, which a run does not wait for, and for `metrics.csv`."""
