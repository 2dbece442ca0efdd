"""Pairs of files that a list names, some of which may be missing."""

from collections.abc import Sequence
from pathlib import Path

from seg.data.files.locations import Location, is_remote
from seg.data.files.pairs import Pair, match_pairs


def listed_pairs(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Those pairs whose two files exist, sorted by name; addresses are taken to exist.

    Raises:
        DataError: files are missing (within `tolerating_lonely_files`: they are listed there).
    """
    images = {pair.name: pair.image for pair in pairs if _exists(pair.image)}
    # With both missing the label is kept, so that match_pairs tells that it lacks its image.
    labels = {
        pair.name: pair.label for pair in pairs if pair.name not in images or _exists(pair.label)
    }
    return match_pairs(images, labels)


def _exists(location: Location) -> bool:
    return is_remote(location) or Path(location).is_file()
