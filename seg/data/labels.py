"""What a pixel value means: class names, colours, file ids and train ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError

_UNKNOWN = -1


@dataclass(frozen=True)
class LabelSpace:
    """The classes of a dataset; train ids are positions in `names`.

    Attributes:
        names: class names, position = train id.
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
        if not 1 <= len(self.names) <= self.ignore_index:
            raise ValueError(
                f"{len(self.names)} classes do not fit below ignore index {self.ignore_index}"
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"class names repeat: {sorted(self.names)}")
        if len(self.palette) != len(self.names):
            raise ValueError(f"{len(self.palette)} colours for {len(self.names)} classes")

    @classmethod
    def identity(
        cls,
        names: tuple[str, ...],
        palette: tuple[tuple[int, int, int], ...],
        *,
        ignored: tuple[int, ...] = (),
        ignore_index: int = 255,
    ) -> "LabelSpace":
        """A space whose files hold train ids; the file values `ignored` are ignored too."""
        ids = {index: index for index in range(len(names))}
        ids |= dict.fromkeys((*ignored, ignore_index), ignore_index)
        return cls(names, palette, tuple(ids.items()), ignore_index)

    @property
    def num_classes(self) -> int:
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
            return self._encode_bytes(file_label_HW, source)
        values = file_label_HW.astype(np.int64, copy=False)
        known = (values >= 0) & (values < len(self._table))
        train_ids = np.where(known, self._table[np.where(known, values, 0)], _UNKNOWN)
        if (train_ids == _UNKNOWN).any():
            raise DataError(self._describe_unknown(values[train_ids == _UNKNOWN], source))
        return train_ids.astype(np.uint8)

    def _encode_bytes(self, file_label_HW: NDArray[np.uint8], source: object) -> NDArray[np.uint8]:
        train_ids, unknown = self._byte_tables
        strangers = cv2.LUT(file_label_HW, unknown).view(np.bool_)
        if strangers.any():
            raise DataError(
                self._describe_unknown(file_label_HW[strangers].astype(np.int64), source)
            )
        return np.asarray(cv2.LUT(file_label_HW, train_ids), np.uint8)

    @cached_property
    def _byte_tables(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """For each value of a byte its train id, and 1 where it is unknown."""
        table = np.full(256, _UNKNOWN, np.int32)
        known = self._table[:256]
        table[: len(known)] = known
        return table.astype(np.uint8), (table == _UNKNOWN).astype(np.uint8)

    def _describe_unknown(self, values: NDArray[np.int64], source: object) -> str:
        found, counts = np.unique(values, return_counts=True)
        listed = ", ".join(f"{v} ({n} pixels)" for v, n in zip(found[:8], counts[:8], strict=True))
        allowed = _ranges(sorted(value for value, _ in self.file_ids))
        return (
            f"{source}: label values outside the label space: {listed}\n"
            f"  allowed: {allowed} ({self.num_classes} classes)\n"
            "  check that the file holds class ids (not colours) and that the dataset fits it"
        )

    def colorize(self, label_HW: NDArray[Any]) -> NDArray[np.uint8]:
        """Train ids -> RGB picture, H x W x 3; ignored pixels are black."""
        table = np.zeros((256, 3), np.uint8)
        table[: self.num_classes] = self.palette
        table[self.ignore_index] = 0
        return np.asarray(table[label_HW], np.uint8)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for checkpoints and JSON."""
        return {
            "names": list(self.names),
            "palette": [list(color) for color in self.palette],
            "file_ids": [list(pair) for pair in self.file_ids],
            "ignore_index": self.ignore_index,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "LabelSpace":
        """The inverse of `to_dict`."""
        return cls(
            names=tuple(plain["names"]),
            palette=tuple((r, g, b) for r, g, b in plain["palette"]),
            file_ids=tuple((value, train_id) for value, train_id in plain["file_ids"]),
            ignore_index=plain["ignore_index"],
        )


def _ranges(values: list[int]) -> str:
    """[0, 1, 2, 255] -> '0-2, 255'."""
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)
