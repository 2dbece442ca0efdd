"""The values that stand for classes in label files: the inverse of `LabelSpace.encode`."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.errors import ConfigError

ValueKind = Literal["id", "index"]

_BYTE, _LARGEST = 255, 65535
_LISTED = 12


@dataclass(frozen=True)
class LabelValues:
    """The values of written label files; made by `label_values`.

    Attributes:
        labels: the classes.
        kind: `id`: as in the dataset's own files; `index`: the position in the class list.
        classes: the value of each class, by position.
        ignored: the value of pixels without a class.
        merged: position -> all ids that are read as this class, where there are several.
    """

    labels: LabelSpace
    kind: ValueKind
    classes: tuple[int, ...]
    ignored: int
    merged: dict[int, tuple[int, ...]]

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Return the smallest type that holds all values."""
        return np.uint8 if max(*self.classes, self.ignored) <= _BYTE else np.uint16

    def written(self, label_HW: NDArray[Any]) -> NDArray[Any]:
        """Return file values, H x W, for positions in the class list and `ignore_index`."""
        table = np.full(np.iinfo(self.labels.dtype).max + 1, self.ignored, self.dtype)
        table[: len(self.classes)] = self.classes
        return np.asarray(table[label_HW])

    def palette(self) -> NDArray[np.uint8]:
        """Return RGB by value, uint8, 256 x 3, for files of 8 bits; black where no class has it."""
        colors = np.zeros((_BYTE + 1, 3), np.uint8)
        colors[list(self.classes)] = self.labels.palette
        return colors

    def table(self) -> list[dict[str, Any]]:
        """Return value, name and color of each class as entries of a class file."""
        name = "ignored"
        while name in self.labels.names:
            name += "_"
        return [
            *(
                {"name": name, "id": value, "color": list(color)}
                for name, value, color in zip(
                    self.labels.names, self.classes, self.labels.palette, strict=True
                )
            ),
            {"name": name, "id": self.ignored, "color": [0, 0, 0], "ignore": True},
        ]

    def summary(self) -> str:
        """Return one line that says what the values mean."""
        what = "the dataset's ids" if self.kind == "id" else "positions in the class list"
        names = self.labels.names
        listed = [f"{value} {name}" for name, value in zip(names, self.classes, strict=True)]
        if self.kind == "id":
            for position, ids in self.merged.items():
                listed[position] += f" (the smallest of {', '.join(map(str, ids))})"
        if len(listed) > _LISTED:
            listed = [*listed[:_LISTED], "..."]
        return f"{what}: {', '.join(listed)}"


def label_values(labels: LabelSpace, kind: ValueKind) -> LabelValues:
    """Choose the values that stand for the classes.

    A class that several ids are read as gets the smallest of them. Pixels without a class get
    `ignore_index`; where this is no ignored value of the dataset, the smallest ignored one; where
    it has none, the largest number that is no class.

    Raises:
        ConfigError: the dataset has no id for a class.
    """
    if kind == "index":
        positions = tuple(range(labels.num_classes))
        return LabelValues(labels, kind, positions, labels.ignore_index, {})
    ids: dict[int, list[int]] = defaultdict(list)
    for value, train_id in sorted(labels.file_ids):
        ids[train_id].append(value)
    lacking = [name for position, name in enumerate(labels.names) if position not in ids]
    if lacking:
        raise ConfigError(
            f"values=id: the checkpoint knows no id of the class {lacking[0]!r} in label files\n"
            "  give values=index for positions in the class list"
        )
    classes = tuple(ids[position][0] for position in range(labels.num_classes))
    merged = {
        position: tuple(ids[position])
        for position in range(labels.num_classes)
        if len(ids[position]) > 1
    }
    ignored = _ignored_value(ids[labels.ignore_index], classes, labels.ignore_index)
    return LabelValues(labels, kind, classes, ignored, merged)


def _ignored_value(ids: list[int], classes: Iterable[int], usual: int) -> int:
    """Choose the value of ignored pixels: `usual`, one of `ids`, else the largest free number."""
    taken = set(classes)
    if usual in ids or (not ids and usual not in taken):
        return usual
    if ids:
        return ids[0]
    largest = _BYTE if max(taken) <= _BYTE else _LARGEST
    free = (value for value in range(largest, -1, -1) if value not in taken)
    return next(free, _LARGEST)
