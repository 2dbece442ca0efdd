"""The allowed name that a misspelt one was meant to be."""

from difflib import get_close_matches


def nearest(word: str, allowed: list[str]) -> str:
    """`; did you mean X?` for a misspelt word or its initials (`ce`), else nothing."""
    word = word.lower()
    initials = [each for each in allowed if word == "".join(part[:1] for part in each.split("_"))]
    close = (initials if len(word) > 1 else []) or get_close_matches(word, allowed, n=1)
    return f"; did you mean {close[0]}?" if close else ""
