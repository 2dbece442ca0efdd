"""Images that occur twice: the same pixels, or nearly the same view.

Near duplicates are found in two steps. A difference hash of 64 bits ("dHash": is each of 9 x 8
grey cells brighter than its left neighbour?) leaves those pairs that differ in `MAX_DISTANCE` bits
at most. Of these the *detail* is compared: the 32 x 32 grey image minus its blur, as correlation.
The image itself is no measure: two streets with the sky above correlate at 0.89.

`MIN_DETAIL` was chosen by looking at pairs of CamVid (468 frames of drives at 30 Hz):

| detail | such pairs |
|---|---|
| 1.0 to 0.94 | the same image saved as JPEG of quality 30, halved, brighter, noisy |
| 0.97 to 0.88 | the same image cropped by 2 %; frames 0.07 s apart |
| 0.91 to 0.85 | frames 0.07 to 0.2 s apart; a standing camera, with another car at most |
| 0.81 | a standing camera, all cars are others |
| 0.75 to 0.6 | frames 0.3 to 0.7 s apart; the same image cropped by 5 % (0.71 to 0.84) |
| 0.43 | the nearest pair over CamVid's train and val |

Above 0.85 every pair seen showed the same view; the hash finds 99.6 % of them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.visualization.composite import as_rgb

ICON_PX = 32
MAX_DISTANCE = 12
MIN_DETAIL = 0.85

_MARGIN = 3  # grey levels; less is the noise of flat areas
_BLUR_SIGMA_PX = 2.0
_FLAT = 1.0  # grey levels of detail (standard deviation); below it there is nothing to compare
_HASHES_AT_ONCE = 2**22
_THINNED_AT_ONCE = 512
_PAIRS_AT_ONCE = 2**13
_MANY = 0.05  # share of the pairs


@dataclass(frozen=True)
class Appearance:
    """What is stored of a sample to recognize it.

    Attributes:
        digest: of the image's size and pixels.
        label_digest: of the label's; None if the label could not be read.
        icon: the reduced grey image, uint8, `ICON_PX` x `ICON_PX`.
    """

    digest: bytes
    label_digest: bytes | None
    icon: NDArray[np.uint8]


@dataclass(frozen=True)
class Twin:
    """A near duplicate.

    Attributes:
        index: position among the first images.
        twin: position of the most similar one among the second images.
        detail: their correlation, `MIN_DETAIL` to 1.
        count: number of near duplicates among the second images.
    """

    index: int
    twin: int
    detail: float
    count: int


def appearance(image_HWC: NDArray[Any], label_HW: NDArray[Any] | None) -> Appearance:
    """Return the appearance of an image in 0..255, H x W x C, and its label, H x W."""
    label_digest = None if label_HW is None else _digest(label_HW)
    return Appearance(_digest(image_HWC), label_digest, icon(as_rgb(image_HWC)))


def icon(image_HW3: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an RGB image reduced to `ICON_PX` x `ICON_PX`, grey."""
    small = cv2.resize(image_HW3, (ICON_PX, ICON_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def equal_groups(digests: Sequence[bytes]) -> list[list[int]]:
    """Return the positions that share a digest, where there are several, in order."""
    places: dict[bytes, list[int]] = {}
    for index, digest in enumerate(digests):
        places.setdefault(digest, []).append(index)
    return [group for group in places.values() if len(group) > 1]


def near_twins(first_NHW: NDArray[np.uint8], second_MHW: NDArray[np.uint8]) -> list[Twin]:
    """Find the first icons that have near duplicates among the second ones; sides of `ICON_PX`."""
    return _twins(_Signatures.of(first_NHW), _Signatures.of(second_MHW))


def thin(icons_NHW: NDArray[np.uint8]) -> list[int | None]:
    """Find icons that show what an earlier one shows.

    Returns:
        for each the position of the earlier one that stands for it, which none stands for; None
        where it is the first of its kind. Flat icons, of which there is nothing to compare, are
        alike if they are equal.
    """
    first_equal: dict[bytes, int] = {}
    order = [first_equal.setdefault(each.tobytes(), at) for at, each in enumerate(icons_NHW)]
    signatures = _Signatures.of(icons_NHW)
    twin: list[int | None] = [None] * len(icons_NHW)
    unique = np.zeros(0, np.intp)
    for start in range(0, len(icons_NHW), _THINNED_AT_ONCE):
        places = np.arange(start, min(start + _THINNED_AT_ONCE, len(icons_NHW)))
        for pair in _twins(signatures.at(places), signatures.at(unique)):
            twin[start + pair.index] = int(unique[pair.twin])
        rest = np.array([at for at in places.tolist() if twin[at] is None], np.intp)
        among = signatures.at(rest)
        for rows, columns, _ in _near_pairs(among, among):  # rows ascend
            for at, earlier in zip(rest[rows].tolist(), rest[columns].tolist(), strict=True):
                if earlier < at and twin[at] is None and twin[earlier] is None:
                    twin[at] = earlier
        for at in rest.tolist():
            if order[at] != at and twin[at] is None:
                twin[at] = order[at] if twin[order[at]] is None else twin[order[at]]
        unique = np.append(unique, [at for at in rest.tolist() if twin[at] is None]).astype(np.intp)
    return twin


@dataclass(frozen=True)
class _Signatures:
    """What icons are compared by: hashes and details."""

    hashes_N: NDArray[np.uint64]
    details_ND: NDArray[np.float32]

    @classmethod
    def of(cls, icons_NHW: NDArray[np.uint8]) -> "_Signatures":
        return cls(difference_hashes(icons_NHW), details(icons_NHW))

    def at(self, places: NDArray[np.intp]) -> "_Signatures":
        return _Signatures(self.hashes_N[places], self.details_ND[places])


def _twins(first: _Signatures, second: _Signatures) -> list[Twin]:
    """Return `near_twins` of signatures."""
    count = len(first.hashes_N)
    best_N = np.zeros(count, np.float32)
    twin_N, count_N = np.zeros((2, count), np.intp)
    for i, j, score in _near_pairs(first, second):
        np.maximum.at(best_N, i, score)
        is_best = score == best_N[i]
        twin_N[i[is_best]] = j[is_best]
        np.add.at(count_N, i, 1)
    return [
        Twin(i, int(twin_N[i]), float(best_N[i]), int(count_N[i]))
        for i in np.flatnonzero(count_N).tolist()
    ]


def _near_pairs(
    first: _Signatures, second: _Signatures
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]:
    """Yield positions and correlations of near duplicates, in the order of the first."""
    for rows, columns in close_hashes(first.hashes_N, second.hashes_N):
        score = _correlations(first.details_ND, second.details_ND, rows, columns)
        near = score >= MIN_DETAIL
        yield rows[near], columns[near], score[near]


def difference_hashes(icons_NHW: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the dHash of each icon, 64 bits."""
    hashes_N = np.zeros(len(icons_NHW), np.uint64)
    for index, icon_HW in enumerate(icons_NHW):
        cells = cv2.resize(icon_HW, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
        bits = np.packbits(cells[:, 1:] > cells[:, :-1] + _MARGIN)
        hashes_N[index] = bits.view(np.uint64)[0]
    return hashes_N


def details(icons_NHW: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return each icon minus its blur, as a row of length one; zeros if it is flat."""
    rows_ND = np.zeros((len(icons_NHW), ICON_PX * ICON_PX), np.float32)
    for index, icon_HW in enumerate(icons_NHW):
        grey_HW = icon_HW.astype(np.float32)
        detail_HW = grey_HW - cv2.GaussianBlur(grey_HW, (0, 0), _BLUR_SIGMA_PX)
        detail_HW -= detail_HW.mean()
        if detail_HW.std() >= _FLAT:
            rows_ND[index] = (detail_HW / np.linalg.norm(detail_HW)).ravel()
    return rows_ND


def close_hashes(
    first_N: NDArray[np.uint64], second_M: NDArray[np.uint64], max_distance: int = MAX_DISTANCE
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield positions of pairs whose hashes differ in `max_distance` bits at most, in chunks."""
    step = max(1, _HASHES_AT_ONCE // max(1, len(second_M)))
    for start in range(0, len(first_N), step):
        differing = np.bitwise_count(first_N[start : start + step, None] ^ second_M[None])
        rows, columns = np.nonzero(differing <= max_distance)
        yield rows + start, columns


def _correlations(
    first_ND: NDArray[np.float32],
    second_MD: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Return the products of the pairs (rows, columns), by a matrix product if they are many."""
    scores = np.zeros(len(rows), np.float32)
    if not len(rows):
        return scores
    begin, end = int(rows[0]), int(rows[-1]) + 1
    if len(rows) > _MANY * (end - begin) * len(second_MD):
        dense: NDArray[np.float32] = (first_ND[begin:end] @ second_MD.T)[rows - begin, columns]
        return dense
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        np.einsum("pd,pd->p", first_ND[rows[part]], second_MD[columns[part]], out=scores[part])
    return scores


def _digest(pixels: NDArray[Any]) -> bytes:
    """Return the BLAKE2 digest of an array's shape, type and values."""
    digest = hashlib.blake2b(repr((pixels.shape, pixels.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()
