"""The meaning of pixel values: class names, colors, file ids and train ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.label_checks import check_known, check_plain, new_names, ranges
from seg.data.label_dtype import (
    BYTE_IGNORE_INDEX,
    WIDE_IGNORE_INDEX,
    label_dtype,
    usual_ignore_index,
)
from seg.data.outputs import Mode, Outputs, merged_codes, mixed_colors
from seg.errors import ConfigError, DataError

Palette = tuple[tuple[int, int, int], ...]
_UNKNOWN = -1


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
            that may occur. Where classes may overlap, labels hold codes in place of train ids, and
            without pairs files hold codes too.
        ignore_index: the train id of pixels that neither train nor score; above 255 label maps
            have 16 bits.
        outputs: what a network tells of each pixel; None: one class, by the greatest logit.
    """

    names: tuple[str, ...]
    palette: Palette
    file_ids: tuple[tuple[int, int], ...]
    ignore_index: int = BYTE_IGNORE_INDEX
    outputs: Outputs | None = None

    def __post_init__(self) -> None:
        if len(self.names) < (1 if self.mode == "multi_label" else 2):
            raise DataError(
                f"classes: {', '.join(self.names) or 'none'}; two or more are needed, for where all"
                " pixels are of one class nothing is learned"
            )
        if not len(self.names) <= self.ignore_index <= WIDE_IGNORE_INDEX:
            raise ValueError(
                f"{len(self.names)} classes do not fit below ignore index {self.ignore_index};"
                f" allowed: up to {WIDE_IGNORE_INDEX}"
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"class names repeat: {sorted(self.names)}")
        if self.outputs is not None:
            self.outputs.check(self.names, self.ignore_index)
        if len(self.palette) != len(self.names):
            raise ValueError(f"{len(self.palette)} colors for {len(self.names)} classes")

    @classmethod
    def identity(
        cls,
        names: tuple[str, ...],
        palette: Palette,
        *,
        ignored: tuple[int, ...] = (),
        ignore_index: int | None = None,
    ) -> "LabelSpace":
        """Return a space whose files hold train ids; the file values `ignored` are ignored too.

        Without `ignore_index` it is 255, and 65535 for more than 255 classes.
        """
        if ignore_index is None:
            ignore_index = usual_ignore_index(len(names))
        ids = {index: index for index in range(len(names))}
        ids |= dict.fromkeys((*ignored, ignore_index), ignore_index)
        return cls(names, palette, tuple(ids.items()), ignore_index)

    @classmethod
    def overlapping(cls, names: Sequence[str], palette: Palette) -> "LabelSpace":
        """Return a space of classes that may overlap, whose files hold codes."""
        outputs = Outputs.multi_label(names)
        ignore_index = usual_ignore_index(outputs.num_codes(0))
        return cls(outputs.names, palette, (), ignore_index, outputs)

    def remapped(
        self,
        *,
        merge: Mapping[str, Sequence[str]],
        ignore: Sequence[str] = (),
        keep: Sequence[str] = (),
    ) -> "LabelSpace":
        """Return the space with classes merged under new names, ignored, or all but a few ignored.

        A merged class stands where its first member stood, in that one's color.

        Args:
            merge: new name -> members; the new name may be that of a member.
            ignore: names, also new ones, of classes that no longer count.
            keep: if any, the only ones that count.

        Raises:
            ConfigError: an unknown name, a class in two groups, or fewer than two classes left.
        """
        new_name = new_names(self.names, merge)
        check_known("labels.ignore", ignore, set(new_name.values()))
        check_known("labels.keep", keep, set(new_name.values()))
        counted = [name for name in dict.fromkeys(new_name.values()) if name not in ignore]
        counted = [name for name in counted if not keep or name in keep]
        if len(counted) < (1 if self.mode == "multi_label" else 2):
            rest = f"only {counted[0]!r}" if counted else "no class"
            raise ConfigError(
                f"labels: {rest} is left, and two or more are needed; ignore or merge fewer"
            )
        first = {new: old for old, new in reversed(new_name.items())}
        palette = tuple(self.palette[self.names.index(first[name])] for name in counted)
        train_id = {old: counted.index(new) for old, new in new_name.items() if new in counted}
        if self.mode == "multi_label":
            ids = merged_codes([train_id.get(name) for name in self.names])
            space = LabelSpace.overlapping(counted, palette)
            pairs = ((value, ids.get(code, space.ignore_index)) for value, code in self.values)
            return replace(space, file_ids=tuple(pairs))
        ignore_index = self.ignore_index
        if self.dtype is not np.uint8:
            ignore_index = usual_ignore_index(len(counted))
        file_ids = (
            (value, train_id.get(self.names[old], ignore_index))
            if old != self.ignore_index
            else (value, ignore_index)
            for value, old in self.file_ids
        )
        return LabelSpace(tuple(counted), palette, tuple(file_ids), ignore_index)

    @property
    def num_classes(self) -> int:
        """Return the number of classes that labels tell apart."""
        return len(self.names)

    @property
    def mode(self) -> Mode:
        """Return how classes share a pixel: see `seg.data.outputs.Outputs`."""
        return "exclusive" if self.outputs is None else self.outputs.mode

    @property
    def num_outputs(self) -> int:
        """Return the number of logits a pixel that a network computes."""
        return len(self.output_names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of a network's outputs: the classes, the foreground, or the regions."""
        return self.names if self.outputs is None else self.outputs.names

    @property
    def output_palette(self) -> Palette:
        """Return one RGB triple an output."""
        return self.palette if self.outputs is None else self.outputs.colors(self.palette)

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """Return the probability from which on each output is present; None: exclusive."""
        return None if self.outputs is None else self.outputs.thresholds

    @property
    def num_codes(self) -> int:
        """Return how many different numbers label maps may hold, without the ignored one."""
        return self.num_classes if self.outputs is None else self.outputs.num_codes(len(self.names))

    @cached_property
    def members(self) -> NDArray[np.bool_] | None:
        """Return of which outputs each code is part, `num_codes` x K; None: exclusive."""
        return None if self.outputs is None else self.outputs.members(self.num_classes)

    def code_name(self, code: int) -> str:
        """Return the class, or the classes that overlap, for which a number in labels stands."""
        if self.mode != "multi_label":
            return self.names[code]
        names = [name for at, name in enumerate(self.names) if code >> at & 1]
        return " + ".join(names) or "no class"

    @property
    def values(self) -> tuple[tuple[int, int], ...]:
        """Return `(value in the label file, code or ignore_index)` pairs, explicit or not."""
        if self.file_ids:
            return self.file_ids
        codes = (*range(self.num_codes), self.ignore_index)
        return tuple(zip(codes, codes, strict=True))

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Return the type of label maps."""
        return label_dtype(self.ignore_index)

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        table = np.full(max(value for value, _ in self.values) + 1, _UNKNOWN, np.int32)
        for value, train_id in self.values:
            table[value] = train_id
        return table

    def encode(self, file_label_HW: NDArray[Any], source: object) -> NDArray[Any]:
        """Turn the values of a label file into train ids, of type `dtype`.

        Raises:
            DataError: a value outside the label space, with its pixel count and `source`.
        """
        if file_label_HW.dtype == np.uint8:
            train_ids, unknown = self._byte_tables
            is_unknown_HW = cv2.LUT(file_label_HW, unknown).view(np.bool_)
            if is_unknown_HW.any():
                raise self._unknown_values(file_label_HW[is_unknown_HW].astype(np.int64), source)
            return np.asarray(cv2.LUT(file_label_HW, train_ids), self.dtype)
        values = file_label_HW.astype(np.int64, copy=False)
        known = (values >= 0) & (values < len(self._table))
        ids_HW = np.where(known, self._table[np.where(known, values, 0)], _UNKNOWN)
        if (ids_HW == _UNKNOWN).any():
            raise self._unknown_values(values[ids_HW == _UNKNOWN], source)
        return ids_HW.astype(self.dtype)

    @cached_property
    def _byte_tables(self) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Return for each value of a byte its train id, and 1 where it is unknown."""
        table = np.full(256, _UNKNOWN, np.int32)
        known = self._table[:256]
        table[: len(known)] = known
        return table.astype(self.dtype), (table == _UNKNOWN).astype(np.uint8)

    def _unknown_values(self, values: NDArray[np.int64], source: object) -> DataError:
        unknown, counts = np.unique(values, return_counts=True)
        first = zip(unknown[:8], counts[:8], strict=True)
        listed = ", ".join(f"{v} ({n} pixels)" for v, n in first)
        allowed = ranges(sorted(value for value, _ in self.values))
        return DataError(
            f"{source}: label values outside the label space: {listed}\n"
            f"  allowed: {allowed} ({self.num_classes} classes)\n"
            "  check that the file holds class ids (not colors) and that the dataset fits it",
            fault="unknown_values",
            values={str(v): int(n) for v, n in zip(unknown, counts, strict=True)},
        )

    def colorize(self, label_HW: NDArray[Any]) -> NDArray[np.uint8]:
        """Return train ids as an RGB image, uint8, H x W x 3; ignored pixels are black."""
        return np.asarray(self._colors[label_HW], np.uint8)

    @cached_property
    def _colors(self) -> NDArray[np.uint8]:
        """Return the color of every value that a label map can hold."""
        table = np.zeros((np.iinfo(self.dtype).max + 1, 3), np.uint8)
        is_mixed = self.mode == "multi_label"
        table[: self.num_codes] = mixed_colors(self.palette) if is_mixed else self.palette
        return table

    def is_compatible(self, other: Any) -> bool:
        """Return whether both need the same network; label files and thresholds may differ."""
        if (self.names, self.ignore_index) != (other.names, other.ignore_index):
            return False
        theirs = getattr(other, "outputs", None)
        return theirs is None if self.outputs is None else self.outputs.is_compatible(theirs)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for checkpoints and JSON."""
        return {
            "names": list(self.names),
            "palette": [list(color) for color in self.palette],
            "file_ids": [list(pair) for pair in self.file_ids],
            "ignore_index": self.ignore_index,
            **({} if self.outputs is None else self.outputs.to_dict()),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "LabelSpace":
        """Return the label space of what `to_dict` returned.

        Raises:
            ValueError: it is not in that form; no file can make a label space of unlimited size.
        """
        names = plain.get("names")
        num_classes = len(names) if isinstance(names, list | tuple) else 0
        outputs = Outputs.from_dict(plain, num_classes)
        num_codes = num_classes if outputs is None else outputs.num_codes(num_classes)
        check_plain(plain, num_codes=num_codes)
        return cls(
            names=tuple(plain["names"]),
            palette=tuple((r, g, b) for r, g, b in plain["palette"]),
            file_ids=tuple((value, train_id) for value, train_id in plain["file_ids"]),
            ignore_index=plain["ignore_index"],
            outputs=outputs,
        )
