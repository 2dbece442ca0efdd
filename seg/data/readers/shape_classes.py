"""Classes of datasets whose labels are drawn shapes: their labels, and the rest of the image."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

from seg.data.label_dtype import BYTE_IGNORE_INDEX
from seg.data.readers.class_entry import ClassEntry
from seg.data.readers.class_table import Classes, distinct_palette, make_classes
from seg.data.readers.color_labels import Color
from seg.data.readers.splits import check_choice
from seg.data.readers.unannotated_frames import Unannotated
from seg.errors import ConfigError

Unlabelled = Literal["background", "ignored"]
"""The meaning of pixels of no shape."""

BACKGROUND = "background"
_BLACK = (0, 0, 0)
_log = logging.getLogger(__name__)


def check_unlabelled(tool: str, unlabelled: Unlabelled, unannotated: Unannotated) -> None:
    """Check two choices of a dataset: images without labels are background only if pixels may be.

    Args:
        tool: name of the dataset, for messages.
        unlabelled: the meaning of pixels of no shape.
        unannotated: what happens to images without a label.

    Raises:
        ConfigError: an unknown choice, or choices that do not fit.
    """
    check_choice(tool, "unlabelled", unlabelled, get_args(Unlabelled))
    if unannotated == "background" and unlabelled != "background":
        raise ConfigError(
            "dataset.unannotated=background needs dataset.unlabelled=background; or leave"
            " such images out: dataset.unannotated=exclude"
        )


def sorted_labels(labels: Collection[str], ignored: Sequence[str], where: object) -> list[str]:
    """Return the labels that are trained, sorted; those that differ in case alone are logged."""
    names = sorted(set(labels) - set(ignored))
    _log.info("classes inferred from the labels in %s: %s", where, ", ".join(names))
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault("".join(name.lower().split()), []).append(name)
    for alike in groups.values():
        if len(alike) > 1:
            _log.warning(
                "%s differ in case or blanks alone; one class of them: 'labels.merge={%s: %s}'",
                " and ".join(map(repr, alike)), alike[0].strip(), str(alike).replace("'", '"'),
            )  # fmt: skip
    return names


def shape_classes(
    names: Sequence[str],
    ignored: Sequence[str],
    unlabelled: Unlabelled,
    where: object,
    *,
    colors: Mapping[str, Color] | None = None,
) -> Classes:
    """Return the classes of shapes, and `background` where pixels of no shape are one.

    The file id of ignored pixels of no shape is the ignore index.

    Args:
        names: labels, in the order of the train ids; `background` is one where it is listed.
        ignored: labels whose pixels neither train nor score.
        unlabelled: the meaning of pixels of no shape.
        where: the files, for messages.
        colors: of the labels; others get distinct ones.

    Raises:
        ConfigError: a label is both.
        DataError: there are too few classes or too many, or a name occurs twice.
    """
    both = sorted(set(names) & set(ignored))
    if both:
        raise ConfigError(f"dataset.classes and dataset.ignored both name {', '.join(both)}")
    trained = list(names)
    if unlabelled == "background" and BACKGROUND not in trained:
        trained.insert(0, BACKGROUND)
    known = {BACKGROUND: _BLACK, **(colors or {})}
    others = iter(distinct_palette(len(trained)))
    entries = [
        ClassEntry(name, id_, known[name] if name in known else next(others))
        for id_, name in enumerate(trained)
    ]
    first_free = max(len(trained), BYTE_IGNORE_INDEX + 1)
    entries += [
        ClassEntry(name, id_, _BLACK, ignored=True)
        for id_, name in enumerate(dict.fromkeys(ignored), start=first_free)
    ]
    return make_classes(entries, where)
