"""The allowed name that a misspelt one was meant to be."""

from difflib import get_close_matches


def nearest(word: str, allowed: list[str]) -> str:
    """`; did you mean X?` for a misspelt word, else nothing."""
    close = get_close_matches(word, allowed, n=1)
    return f"; did you mean {close[0]}?" if close else ""
