"""Pairs of files that a list names, some of which may be missing."""

from collections.abc import Sequence
from pathlib import Path

from seg.data.readers.band_files import files_of
from seg.data.readers.image_label_pairs import (
    NO_ANNOTATION,
    Pair,
    Pairing,
    UnmatchedFile,
    unmatched_error,
)
from seg.data.readers.urls import Location, is_remote
from seg.data.sample import LEAVE_OUT
from seg.errors import DataError, first_of


def listed_pairs(
    pairs: Sequence[Pair],
    source: Location,
    *,
    relative: bool = False,
    unlabelled_fault: str = "no_partner",
    remedy: str = "",
) -> Pairing:
    """Pair the listed files that exist, sorted by name; addresses are not checked.

    Args:
        pairs: in the order of the list.
        source: the list, for messages.
        relative: whether it holds paths relative to itself.
        unlabelled_fault: the `UnmatchedFile.fault` of images whose label does not exist.
        remedy: a further remedy where labels do not exist.

    Raises:
        DataError: there is no whole pair in a list.
    """
    whole, unmatched, missing = [], [], []
    for pair in pairs:
        absent = [each for each in (pair.image, pair.label) if not _exists(each)]
        missing += [str(each) for each in absent]
        if not absent:
            whole.append(pair)
        elif pair.image in absent:
            unmatched.append(UnmatchedFile(pair.label, "label", "image", sought=pair.image))
        else:
            unmatched.append(
                UnmatchedFile(
                    pair.image, "image", "label", sought=pair.label, fault=unlabelled_fault
                )
            )
    whole.sort(key=lambda pair: pair.name)
    if not unmatched:
        return Pairing(tuple(whole))
    if all(each.fault == NO_ANNOTATION for each in unmatched):
        error = unmatched_error(unmatched, f"{source}: {len(pairs)} listed images")
    else:
        where = f"; relative ones are sought in {Path(source).parent}" if relative else ""
        lines = [
            f"{source}: of {2 * len(pairs)} listed files {len(missing)} do not exist{where}:",
            f"  {first_of(missing)}",
        ]
        if whole and remedy and any(each.kind == "image" for each in unmatched):
            lines.append(f"  {remedy}")
        if any("\\" in path for path in missing):
            lines.append("  backslashes separate directories on Windows alone: write / instead")
        lines += [LEAVE_OUT] if whole else []
        error = DataError("\n".join(lines), fault="missing")
    if not whole:
        raise error
    return Pairing(tuple(whole), tuple(unmatched), error)


def _exists(location: Location) -> bool:
    try:
        files = files_of(location)
        return is_remote(location) or all(Path(file).is_file() for file in files)
    except OSError:  # a name that is too long for a file
        return False
