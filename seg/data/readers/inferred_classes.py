"""Classes from the values that occur in label maps, where no file names any."""

import logging
from collections import Counter
from collections.abc import Sequence

from seg.data.readers.class_entry import LARGEST_ID, ClassEntry
from seg.data.readers.class_table import Classes, make_classes
from seg.errors import DataError, first_of

_IGNORED, _WIDE_IGNORED = 255, 65535
_MOST_INFERRED = 1024  # depths and instances have more values than sets without class file classes
_BINARY = (("background", 0), ("foreground", 255))
# Ids are counted up from 0. Above this value, and where less than a quarter of the values below
# the largest occur, they are more likely levels of grey: 0, 128, 255 or 0, 85, 170, 255.
_LEAST_GREY, _LEAST_DENSITY = 64, 0.25
# Smoothed or resized masks are black and white but for a seam of all greys.
_SEAMED, _LEAST_SEAM_VALUES = 0.8, 16
_NEARLY = 8
_SHOWN = 8
_NAME_THEM = "name the classes in a JSON file (dataset.classes)"
_log = logging.getLogger(__name__)


def classes_of_values(
    labels: Sequence[Counter[int]], source: str, *, binary: bool, grey: bool
) -> Classes:
    """Return the classes `class_<id>` of the values in labels; 255 is ignored beside other values.

    Of more than 255 others, 255 is a class and 65535 ignored.

    Args:
        labels: of each label map the pixels of each value.
        source: what the labels are, for messages.
        binary: whether 0 and 255 alone are background and foreground.
        grey: whether values that look like levels of grey are refused.

    Raises:
        DataError: fewer than two classes or more than 1024, or the values are no class ids.
    """
    pixels: Counter[int] = Counter()
    for label in labels:
        pixels.update(label)
    if binary and set(pixels) == {0, _IGNORED}:
        _log.info(
            "classes inferred from %s: 0 and 255 alone: background and foreground;"
            " a JSON file (dataset.classes) names them otherwise",
            source,
        )
        return make_classes([ClassEntry(name, id_) for name, id_ in _BINARY], source)
    ignored, ordered = _IGNORED, sorted(set(pixels) - {_IGNORED})
    if ordered and (ordered[0] < 0 or ordered[-1] > LARGEST_ID):
        raise DataError(
            f"{source} hold values from {ordered[0]} to {ordered[-1]}, not class ids\n"
            f"  class ids are 0 to {LARGEST_ID}"
        )
    if len(ordered) > _IGNORED:
        ignored, ordered = _WIDE_IGNORED, sorted(set(pixels) - {_WIDE_IGNORED})
    if grey:
        _refuse_grey(pixels, ordered, source)
    if binary:
        _refuse_mixed(labels, ordered, source)
    _check_count(ordered, len(pixels), source, sparse=not grey)
    _refuse_middle(pixels, ignored, source)
    _log.info(
        "classes inferred from %s: %d ids: %s%s; a JSON file (dataset.classes) gives them names",
        source, len(ordered), ", ".join(map(str, ordered)),
        f"; {ignored} is ignored" if ignored in pixels else "",
    )  # fmt: skip
    entries = [ClassEntry(f"class_{id_}", id_) for id_ in ordered]
    if ignored != _IGNORED:
        entries.append(ClassEntry("ignored", ignored, ignored=True))
    return make_classes(entries, source)


def _check_count(ordered: Sequence[int], values: int, source: str, *, sparse: bool) -> None:
    """Refuse too few or too many ids, and many that are `sparse` unless these are allowed."""
    scattered = len(ordered) > _IGNORED and len(ordered) < _LEAST_DENSITY * ordered[-1]
    if len(ordered) > _MOST_INFERRED or (scattered and not sparse):
        raise DataError(
            f"{source} hold {values} different values, up to {ordered[-1]}; ids without a class"
            f" file may be {_MOST_INFERRED}, and a quarter of the numbers up to the largest\n"
            "  are they class ids at all (or depths, instances, a photograph)? Then"
            f" {_NAME_THEM}"
        )
    if len(ordered) < 2:
        values_text = f"the value {ordered[0]} alone" if ordered else "no value"
        raise DataError(
            f"{source} hold {values_text} beside 255 (ignored): {len(ordered)} of the two classes"
            " that training needs\n"
            f"  are these the right files? If others occur elsewhere, {_NAME_THEM}"
        )


def _refuse_middle(pixels: Counter[int], ignored: int, source: str) -> None:
    """Refuse 255 between 254 and 256, where it is hardly the value of ignored pixels."""
    if ignored == _IGNORED and {_IGNORED - 1, _IGNORED, _IGNORED + 1} <= set(pixels):
        raise DataError(
            f"{source} hold 254, 255 and 256: is 255 a class, or are its pixels ignored?\n"
            f"  {_NAME_THEM}, 255 with them or with"
            ' "ignore": true',
            fault="label_kind",
        )


def _refuse_grey(pixels: Counter[int], ordered: Sequence[int], source: str) -> None:
    if not ordered or ordered[-1] < _LEAST_GREY or len(ordered) > _IGNORED:
        return
    sparse = len(ordered) < _LEAST_DENSITY * ordered[-1]
    extremes = pixels[0] + pixels[_IGNORED]
    smoothed = (
        min(pixels[0], pixels[_IGNORED]) > 0
        and len(ordered) >= _LEAST_SEAM_VALUES
        and extremes > _SEAMED * pixels.total()
    ) or _is_blurred_binary(pixels)
    if not (sparse or smoothed):
        return
    values = sorted(pixels)
    class_file = ", ".join(f'"{value}": "name_{at}"' for at, value in enumerate(values))
    remedy = (
        "masks that were smoothed, resized or saved as JPEG: export them again without that"
        if smoothed or len(ordered) >= _LEAST_SEAM_VALUES
        else f"{_NAME_THEM} by their values:\n    {{{class_file}}}"
    )
    raise DataError(
        f"{source} hold {len(values)} values that look like levels of grey, not like ids:"
        f" {first_of(values, _SHOWN)}\n"
        f"  {remedy}\n"
        "  dataset.label_kind=ids takes them as ids as they are (255: ignored)",
        fault="label_kind",
    )


def _is_blurred_binary(pixels: Counter[int]) -> bool:
    """Return whether most pixels are nearly black or white: masks of 0 and 255 saved as JPEG."""
    dark = [value for value in pixels if value <= _NEARLY]
    bright = [value for value in pixels if _IGNORED - _NEARLY <= value < _IGNORED]
    near = sum(pixels[value] for value in (*dark, *bright)) + pixels[_IGNORED]
    return min(len(dark), len(bright)) > 1 and near > _SEAMED * pixels.total()


def _refuse_mixed(labels: Sequence[Counter[int]], ordered: Sequence[int], source: str) -> None:
    """Refuse masks of 0 and 1 among masks of 0 and 255: what 1 and 255 mean is ambiguous."""
    if list(ordered) != [0, 1]:
        return
    ones, ignored = ([value in label for label in labels] for value in (1, _IGNORED))
    if any(ignored) and not any(a and b for a, b in zip(ones, ignored, strict=True)):
        raise DataError(
            f"{source}: {sum(ones)} hold 0 and 1, {sum(ignored)} others 255: two ways to write one"
            " mask, or ignored pixels?\n"
            "  write them all in one way; or, if 255 is to be ignored, name the classes in a JSON"
            ' file\n  (dataset.classes), as ["background", "foreground"]',
            fault="label_kind",
        )
