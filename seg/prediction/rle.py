"""Label maps as runs of equal pixels, and COCO's run-length encoding of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIRST_CHARACTER, _BITS, _SIGN, _MORE = 48, 5, 0x10, 0x20


@dataclass(frozen=True)
class ClassRuns:
    """The pixels of one class, as runs down the columns, from left to right.

    Attributes:
        class_id: train id.
        starts: positions `column * height + row` of the first pixels.
        ends: positions behind the last pixels.
        shape: height and width of the label map.
    """

    class_id: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    shape: tuple[int, int]

    @property
    def area(self) -> int:
        """Return the number of pixels."""
        return int((self.ends - self.starts).sum())

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Return left, top, width and height, in px."""
        height = self.shape[0]
        last = self.ends - 1
        left, right = int(self.starts[0] // height), int(last[-1] // height)
        if (self.starts // height != last // height).any():  # from one column into the next
            whole = np.flatnonzero(self.starts // height != last // height)
            top = 0 if len(whole) else int((self.starts % height).min())
            bottom = height - 1
        else:
            top, bottom = int((self.starts % height).min()), int((last % height).max())
        return left, top, right - left + 1, bottom - top + 1

    def encoded(self) -> dict[str, Any]:
        """Return COCO's compressed RLE: `size` and `counts` (maskApi.c of cocoapi)."""
        before = np.concatenate(([0], self.ends[:-1]))
        counts = np.stack((self.starts - before, self.ends - self.starts), 1).ravel()
        rest = self.shape[0] * self.shape[1] - int(self.ends[-1])
        if rest:
            counts = np.append(counts, rest)
        return {"size": list(self.shape), "counts": _text(counts)}


def class_runs(label_HW: NDArray[Any], *, num_classes: int) -> Iterator[ClassRuns]:
    """Yield the runs of every class below `num_classes` that occurs, by ascending id."""
    shape = (label_HW.shape[0], label_HW.shape[1])
    column_by_column = label_HW.T.ravel()
    changes = np.flatnonzero(column_by_column[1:] != column_by_column[:-1]) + 1
    starts = np.concatenate(([0], changes)).astype(np.int64)
    ends = np.concatenate((changes, [column_by_column.size])).astype(np.int64)
    values = column_by_column[starts]
    for class_id in np.unique(values):
        if class_id < num_classes:
            its = values == class_id
            yield ClassRuns(int(class_id), starts[its], ends[its], shape)


def _text(counts: NDArray[np.int64]) -> str:
    """Encode counts as text.

    From the fourth on a count is the difference to the one before the last; each takes
    characters of five bits, the lowest first.
    """
    rest = counts.copy()
    rest[3:] -= counts[1:-2]
    columns, used = [], []
    open_ = np.ones(len(rest), bool)
    while open_.any():
        low = rest & (2**_BITS - 1)
        rest >>= _BITS
        more = np.where(low & _SIGN, rest != -1, rest != 0)
        columns.append(low + np.where(more, _MORE, 0) + _FIRST_CHARACTER)
        used.append(open_)
        open_ = open_ & more
    characters = np.stack(columns, 1)[np.stack(used, 1)]
    return str(characters.astype(np.uint8).tobytes(), "ascii")
