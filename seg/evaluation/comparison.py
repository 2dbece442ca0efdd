"""Comparison of two evaluations: unlike protocols are refused, chance is told from difference."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seg.errors import ConfigError
from seg.evaluation.protocol import differences
from seg.evaluation.results_file import Record, read_record
from seg.metrics.bootstrap import paired_difference

_SIGNIFICANT = 0.05
FEWEST_IMAGES = 20
"""Fewer images give no verdict. Of equal networks (normal differences of images), the bootstrap
calls 12 % significantly different at 4 images, 9 % at 10 and 7 % at 20, where 5 % are meant."""
_MAX_VALUE_CHARS = 60
_SHARES = ("first", "second", "difference")


def compare(paths: Sequence[Path], across: Sequence[str] = ()) -> dict[str, Any]:
    """Compare the scores of two evaluations, the second minus the first.

    Differences come with the 95 % interval of a bootstrap in which both see the same resampled
    images.

    Args:
        paths: two run directories or `evaluation.json` files.
        across: keys of the protocol, or their beginnings, under which they may differ.

    Returns:
        plain data: `first`, `second`, `images` and `scores`, one row a score. A row's `images`
        counts the images whose labels contain the class (all, for scores of no class; None if not
        recorded). With fewer than `FEWEST_IMAGES` its `verdict` is None and its `p` NaN.

    Raises:
        ConfigError: not two evaluations, or unlike protocols, with both values of each key.
        DataError: a file is missing or damaged.
    """
    if len(paths) != 2:
        raise ConfigError(f"compare: {len(paths)} evaluations; give two, compare=[A,B]")
    first, second = (read_record(path) for path in paths)
    _refuse_unlike(first, second, across)
    # scores of both, whatever their splits are called
    of_second = {key.partition("/")[2]: key for key in second.replicates}
    named = ((key, key.partition("/")[2]) for key in first.replicates)
    return {
        "first": {"path": str(first.path), "checkpoint": first.content["checkpoint"]},
        "second": {"path": str(second.path), "checkpoint": second.content["checkpoint"]},
        "across": list(across),
        "images": min(_images(first), _images(second)),
        "scores": [
            _row(key, of_second[name], first, second) for key, name in named if name in of_second
        ],
    }


def table(comparison: dict[str, Any]) -> list[str]:
    """Format a comparison as lines for a terminal."""
    width = max(len(row["key"]) for row in comparison["scores"])
    lines = [
        f"  first   {comparison['first']['path']}",
        f"  second  {comparison['second']['path']}",
        f"  {'':{width}}   first  second  difference  95 % interval        p",
    ]
    for row in comparison["scores"]:
        images, shares = row["images"], (*map(row.get, _SHARES), *row["interval"])
        first, second, difference, low, high = (100 * share for share in shares)
        verdict = row["verdict"] or f"no verdict{'' if images is None else f': {images} images'}"
        lines.append(
            f"  {row['key']:{width}}  {first:6.2f}  {second:6.2f}  {difference:+6.2f}     "
            f"{low:+6.2f} to {high:+6.2f}  {row['p']:6.3f}  {verdict}"
        )
    why = f"resampling fewer than {FEWEST_IMAGES} takes chance for a difference too often"
    if comparison["images"] < FEWEST_IMAGES:
        return [*lines, f"  no verdict: {comparison['images']} images; {why}"]
    rare = [row for row in comparison["scores"] if row["verdict"] is None]
    if any(row["images"] is not None for row in rare):
        lines.append(f"  no verdict on classes that fewer images contain: {why}")
    if any(row["images"] is None for row in rare):
        lines.append(
            "  no verdict on classes of evaluations that do not record in how many images they "
            "occur: evaluate both anew"
        )
    return lines


def _images_of(key: str, record: Record) -> int | None:
    """Return how many images a score covers: all, or those with the class; None if unknown."""
    kind, _, name = key.partition("/")[2].partition("/")
    if not name or kind != "iou":
        return _images(record)
    recorded: dict[str, int] = record.content.get("class_images") or {}
    return recorded.get(name)


def _images(record: Record) -> int:
    """Return the number of images of an evaluation."""
    count = record.content["protocol"].get("images")
    return count if isinstance(count, int) else 0


def _row(mine: str, theirs: str, first: Record, second: Record) -> dict[str, Any]:
    """Compare one score, by its key in each evaluation."""
    one, other = first.content["scores"][mine], second.content["scores"][theirs]
    between = paired_difference(
        second.replicates[theirs].astype(np.float64), first.replicates[mine].astype(np.float64)
    )
    verdict = "significant" if between.p < _SIGNIFICANT else "noise"
    counts = (_images_of(mine, first), _images_of(theirs, second))
    images = None if None in counts else min(counts)  # type: ignore[type-var]
    enough = images is not None and images >= FEWEST_IMAGES
    known = one is not None and other is not None
    return {
        "key": mine if mine == theirs else f"{mine} | {theirs}",
        "first": one if known else float("nan"),
        "second": other if known else float("nan"),
        "difference": other - one if known else float("nan"),
        "images": images,
        "interval": [between.low, between.high],
        "p": between.p if enough else float("nan"),
        "verdict": verdict if enough else None,
    }


def _refuse_unlike(first: Record, second: Record, across: Sequence[str]) -> None:
    """Refuse protocols that differ in a key outside `across`."""
    unlike = differences(first.content["protocol"], second.content["protocol"])
    barred = {
        key: values
        for key, values in unlike.items()
        if not any(key == each or key.startswith(f"{each}.") for each in across)
    }
    if not barred:
        return
    lines = [f"compare: {first.path} and {second.path} were made under unlike protocols"]
    lines += [f"  {key}: {_short(one)} | {_short(other)}" for key, (one, other) in barred.items()]
    within = [key for key in barred if key.startswith("inference.")]
    lines.append(
        f"  evaluate both alike, or name what they may differ in: across=[{','.join(within)}]"
        if len(within) == len(barred)
        else "  evaluate both on the same split with the same classes"
    )
    raise ConfigError("\n".join(lines))


def _short(value: Any) -> str:
    """Return a value as text, cut to `_MAX_VALUE_CHARS`."""
    text = str(value)
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[: _MAX_VALUE_CHARS - 3]}..."
