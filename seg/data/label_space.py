"""The meaning of pixel values: class names, colors, file ids and train ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.errors import ConfigError, DataError, brief

_UNKNOWN = -1
_MAX_TRAIN_ID = 255
_MAX_FILE_ID = 2**20  # COCO panoptic's categories reach 200, Cityscapes' ids 33


@dataclass(frozen=True)
class LabelSpace:
    """The classes of a dataset; train ids are positions in `names`.

    >>> import seg
    >>> space = seg.LabelSpace.identity(("sky", "ground"), ((0, 0, 255), (0, 255, 0)))
    >>> space.num_classes, space.ignore_index
    (2, 255)

    Attributes:
        names: class names, two or more, position = train id.
        palette: one RGB triple (0..255) a class.
        file_ids: `(value in the label file, train id or ignore_index)` pairs, one for every value
            that may occur.
        ignore_index: the train id of pixels that neither train nor score.
    """

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    file_ids: tuple[tuple[int, int], ...]
    ignore_index: int = 255

    def __post_init__(self) -> None:
        if len(self.names) < 2:
            raise DataError(
                f"classes: {', '.join(self.names) or 'none'}; two or more are needed, for where all"
                " pixels are of one class nothing is learned"
            )
        if len(self.names) > self.ignore_index:
            raise ValueError(
                f"{len(self.names)} classes do not fit below ignore index {self.ignore_index}"
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"class names repeat: {sorted(self.names)}")
        if len(self.palette) != len(self.names):
            raise ValueError(f"{len(self.palette)} colors for {len(self.names)} classes")

    @classmethod
    def identity(
        cls,
        names: tuple[str, ...],
        palette: tuple[tuple[int, int, int], ...],
        *,
        ignored: tuple[int, ...] = (),
        ignore_index: int = 255,
    ) -> "LabelSpace":
        """Return a space whose files hold train ids; the file values `ignored` are ignored too."""
        ids = {index: index for index in range(len(names))}
        ids |= dict.fromkeys((*ignored, ignore_index), ignore_index)
        return cls(names, palette, tuple(ids.items()), ignore_index)

    def remapped(
        self,
        *,
        merge: Mapping[str, Sequence[str]],
        ignore: Sequence[str] = (),
        keep: Sequence[str] = (),
    ) -> "LabelSpace":
        """Return the space with classes merged under new names, ignored, or all but a few ignored.

        A merged class stands where the first of its members stood, in that one's color.

        Args:
            merge: new name -> members; the new name may be that of a member.
            ignore: names, also new ones, of classes that no longer count.
            keep: if any, the only ones that count.

        Raises:
            ConfigError: an unknown name, a class in two groups, or fewer than two classes left.
        """
        new_name = _new_names(self.names, merge)
        _check_known("labels.ignore", ignore, set(new_name.values()))
        _check_known("labels.keep", keep, set(new_name.values()))
        counted = [name for name in dict.fromkeys(new_name.values()) if name not in ignore]
        counted = [name for name in counted if not keep or name in keep]
        if len(counted) < 2:
            rest = f"only {counted[0]!r}" if counted else "no class"
            raise ConfigError(
                f"labels: {rest} is left, and two or more are needed; ignore or merge fewer"
            )
        first = {new: old for old, new in reversed(new_name.items())}
        palette = tuple(self.palette[self.names.index(first[name])] for name in counted)
        train_id = {old: counted.index(new) for old, new in new_name.items() if new in counted}
        file_ids = (
            (value, train_id.get(self.names[old], self.ignore_index))
            if old != self.ignore_index
            else (value, old)
            for value, old in self.file_ids
        )
        return LabelSpace(tuple(counted), palette, tuple(file_ids), self.ignore_index)

    @property
    def num_classes(self) -> int:
        """Return the number of classes that are trained and scored."""
        return len(self.names)

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        table = np.full(max(value for value, _ in self.file_ids) + 1, _UNKNOWN, np.int32)
        for value, train_id in self.file_ids:
            table[value] = train_id
        return table

    def encode(self, file_label_HW: NDArray[Any], source: object) -> NDArray[np.uint8]:
        """Turn the values of a label file into train ids.

        Raises:
            DataError: a value outside the label space, with its pixel count and `source`.
        """
        if file_label_HW.dtype == np.uint8:
            train_ids, unknown = self._byte_tables
            is_unknown_HW = cv2.LUT(file_label_HW, unknown).view(np.bool_)
            if is_unknown_HW.any():
                raise self._unknown_values(file_label_HW[is_unknown_HW].astype(np.int64), source)
            return np.asarray(cv2.LUT(file_label_HW, train_ids), np.uint8)
        values = file_label_HW.astype(np.int64, copy=False)
        known = (values >= 0) & (values < len(self._table))
        ids_HW = np.where(known, self._table[np.where(known, values, 0)], _UNKNOWN)
        if (ids_HW == _UNKNOWN).any():
            raise self._unknown_values(values[ids_HW == _UNKNOWN], source)
        return ids_HW.astype(np.uint8)

    @cached_property
    def _byte_tables(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return for each value of a byte its train id, and 1 where it is unknown."""
        table = np.full(256, _UNKNOWN, np.int32)
        known = self._table[:256]
        table[: len(known)] = known
        return table.astype(np.uint8), (table == _UNKNOWN).astype(np.uint8)

    def _unknown_values(self, values: NDArray[np.int64], source: object) -> DataError:
        unknown, counts = np.unique(values, return_counts=True)
        first = zip(unknown[:8], counts[:8], strict=True)
        listed = ", ".join(f"{v} ({n} pixels)" for v, n in first)
        allowed = _ranges(sorted(value for value, _ in self.file_ids))
        return DataError(
            f"{source}: label values outside the label space: {listed}\n"
            f"  allowed: {allowed} ({self.num_classes} classes)\n"
            "  check that the file holds class ids (not colors) and that the dataset fits it",
            fault="unknown_values",
            values={str(v): int(n) for v, n in zip(unknown, counts, strict=True)},
        )

    def colorize(self, label_HW: NDArray[Any]) -> NDArray[np.uint8]:
        """Return train ids as an RGB image, uint8, H x W x 3; ignored pixels are black."""
        table = np.zeros((256, 3), np.uint8)
        table[: self.num_classes] = self.palette
        table[self.ignore_index] = 0
        return np.asarray(table[label_HW], np.uint8)

    def is_compatible(self, other: Any) -> bool:
        """Return whether both need the same network; label files may differ."""
        mine, theirs = ((each.names, each.ignore_index) for each in (self, other))
        return bool(mine == theirs)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for checkpoints and JSON."""
        return {
            "names": list(self.names),
            "palette": [list(color) for color in self.palette],
            "file_ids": [list(pair) for pair in self.file_ids],
            "ignore_index": self.ignore_index,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "LabelSpace":
        """Return the label space of what `to_dict` returned.

        Raises:
            ValueError: it is not in that form; no file can make a label space of unlimited size.
        """
        _check_plain(plain)
        return cls(
            names=tuple(plain["names"]),
            palette=tuple((r, g, b) for r, g, b in plain["palette"]),
            file_ids=tuple((value, train_id) for value, train_id in plain["file_ids"]),
            ignore_index=plain["ignore_index"],
        )


def _check_plain(plain: Mapping[str, Any]) -> None:
    for key in ("names", "palette", "file_ids"):
        if not isinstance(plain.get(key), list | tuple):
            raise ValueError(f"{key} of the classes is {brief(plain.get(key))}; a list is expected")
    for key, length in (("palette", 3), ("file_ids", 2)):
        for entry in plain[key]:
            if not isinstance(entry, list | tuple) or len(entry) != length:
                raise ValueError(f"{key} of the classes holds {brief(entry)}, not {length} numbers")
    _check_numbers(plain)


def _check_numbers(plain: Mapping[str, Any]) -> None:
    ignore_index = plain.get("ignore_index")
    if type(ignore_index) is not int or not 0 <= ignore_index <= _MAX_TRAIN_ID:
        raise ValueError(f"ignore index {ignore_index!r}; allowed: 0 to {_MAX_TRAIN_ID}")
    if not all(isinstance(name, str) for name in plain["names"]):
        raise ValueError("a class name is no text")
    shares = [share for color in plain["palette"] for share in color]
    if not all(type(share) is int and 0 <= share <= 255 for share in shares):
        raise ValueError("a color is not [r, g, b], each 0 to 255")
    train_ids = {*range(len(plain["names"])), ignore_index}
    for value, train_id in plain["file_ids"]:
        known = type(train_id) is int and train_id in train_ids
        if type(value) is not int or not 0 <= value <= _MAX_FILE_ID or not known:
            raise ValueError(f"file id {value!r} of class {train_id!r}")


def _new_names(names: Sequence[str], merge: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the new name of each class, in the old order."""
    new_name = {name: name for name in names}
    merged: set[str] = set()
    for new, members in merge.items():
        _check_known(f"labels.merge.{new}", members, set(names))
        if twice := merged & set(members):
            raise ConfigError(f"labels.merge.{new}: {', '.join(sorted(twice))} is in two groups")
        merged |= set(members)
        new_name |= dict.fromkeys(members, new)
    for new in merge:
        if new in names and new not in merged:
            raise ConfigError(f"labels.merge.{new}: is a class already; list it among the members")
    return new_name


def _check_known(key: str, names: Sequence[str], known: set[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"{key}: no class {', '.join(map(repr, unknown))}; allowed: {', '.join(sorted(known))}"
        )


def _ranges(values: list[int]) -> str:
    """Return numbers as ranges: '0-2, 255' for [0, 1, 2, 255]."""
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)
