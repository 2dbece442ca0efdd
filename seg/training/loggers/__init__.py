"""Loggers that talk to servers, and what keeps a run from waiting for them."""
