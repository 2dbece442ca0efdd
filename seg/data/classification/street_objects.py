"""The embedded classification dataset: objects and surfaces of rendered streets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.data.classification.sample import ClassifiedImage, ClassNames
from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.scene import render
from seg.errors import ConfigError

SCENE_PX = (192, 384)
_SIZES_PX = (32, 96)  # two crops of the largest fit into a scene side by side and one above
_CROPS_A_SCENE = 8
_CANDIDATES = 8
_SHOWN_SHARE = 0.04  # of a crop, for one of several labels
_IGNORED = 255
# (seed, split, size, whether of several labels) -> index -> sample
_RENDERED: dict[tuple[int, str, int, bool], dict[int, ClassifiedImage]] = {}
# Classes that few scenes show are taken more often where they are, so that all are about as common.
_WEIGHTS = {
    **dict.fromkeys(("train", "bus", "truck", "motorcycle", "bicycle", "rider"), 3.0),
    **dict.fromkeys(("wall", "fence", "terrain", "traffic light"), 2.0),
}


class StreetObjects:
    """Crops around objects and surfaces of rendered streets, in the 19 Cityscapes classes.

    A sample is a function of (seed, split, index, size) alone, the same bytes on every machine: the
    streets are, and crops are made smaller by whole factors in whole numbers. Its class is that of
    the crop's centre; with `multi_label` its classes are those that cover 4 % of it or more.

    Eight samples in a row come from one scene, in different classes where it has as many. What was
    rendered stays in the memory of the process, up to `cache_mib`, for every set of the same town:
    in a sweep only the first trial renders.

    Args:
        split: "train", "val" or "test"; the splits share no scene.
        size: side of the square crops in pixels, 32 to 96.
        train_length, val_length, test_length: number of crops.
        multi_label: several classes a crop instead of one.
        seed: another seed is another town.
        cache_mib: memory for crops a process; a thousand of 64 x 64 take 12.

    Raises:
        ConfigError: an argument that is not allowed.
    """

    def __init__(
        self,
        *,
        split: str,
        size: int = 64,
        train_length: int = 8000,
        val_length: int = 1000,
        test_length: int = 1000,
        multi_label: bool = False,
        seed: int = 0,
        cache_mib: int = 512,
    ) -> None:
        lengths = {"train": train_length, "val": val_length, "test": test_length}
        if split not in lengths:
            raise ConfigError(
                f"street_objects: split is {split!r}; use one of {', '.join(lengths)}"
            )
        if not _SIZES_PX[0] <= size <= _SIZES_PX[1]:
            raise ConfigError(
                f"classification_dataset.size={size}; allowed: "
                f"{_SIZES_PX[0]} to {_SIZES_PX[1]} pixels"
            )
        if min(lengths.values()) < 1 or min(seed, cache_mib) < 0:
            raise ConfigError(
                "classification_dataset: lengths must be 1 or more, seed and cache_mib 0"
            )
        self.labels = ClassNames(TRAIN_IDS.names, multi_label)
        self.split = split
        self.size = size
        self.seed = seed
        self._length = lengths[split]
        self._capacity = (cache_mib << 20) // (3 * size * size)
        town = (seed, split, size, multi_label)
        self._samples = _RENDERED.setdefault(town, {}) if self._capacity else {}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> ClassifiedImage:
        if not -self._length <= index < self._length:
            raise IndexError(f"street_objects {self.split}: index {index} of {self._length}")
        index %= self._length
        sample = self._samples.get(index) or self._render(index)
        return ClassifiedImage(sample.name, sample.image.copy(), sample.label)

    def _render(self, index: int) -> ClassifiedImage:
        scene = index // _CROPS_A_SCENE
        dice = Dice("street_objects", 1, self.seed, self.split, scene)
        image_HWC, label_HW = render(dice, *SCENE_PX)
        first = scene * _CROPS_A_SCENE
        crops = _crops(dice, image_HWC, label_HW, self.size)
        samples = {
            first + place: self._sample(first + place, crop) for place, crop in enumerate(crops)
        }
        if len(self._samples) + len(samples) <= self._capacity:
            self._samples.update(samples)
        return samples[index]

    def _sample(self, index: int, crop: "_Crop") -> ClassifiedImage:
        classes: Sequence[int] = [crop.centre]
        if self.labels.multi_label:
            values = crop.label_HW[crop.label_HW != _IGNORED]
            counts = np.bincount(values, minlength=self.labels.num_classes)
            classes = np.flatnonzero(counts >= _SHOWN_SHARE * crop.label_HW.size).tolist()
        return ClassifiedImage(
            f"{self.split}_{index:06d}", crop.image_HWC, self.labels.label(classes)
        )

    def __getstate__(self) -> dict[str, object]:
        """Leave out rendered samples: they would be sent to each spawned worker."""
        return {**self.__dict__, "_samples": {}}


@dataclass(frozen=True)
class _Crop:
    """`image_HWC` of size x size; `label_HW` of the same part of the scene, not made smaller."""

    image_HWC: NDArray[np.uint8]
    label_HW: NDArray[np.uint8]
    centre: int


def _crops(
    dice: Dice, image_HWC: NDArray[np.uint8], label_HW: NDArray[np.uint8], size: int
) -> list[_Crop]:
    """Cut crops of as many different classes as the scene has, rare ones first in expectation."""
    classes = [train_id for train_id in np.unique(label_HW).tolist() if train_id != _IGNORED]
    rest: list[int] = []
    crops = []
    for _ in range(_CROPS_A_SCENE):
        rest = rest or list(classes)
        chosen = dice.weighted([(each, _WEIGHTS.get(TRAIN_IDS.names[each], 1.0)) for each in rest])
        rest.remove(chosen)
        crops.append(_crop_around(dice, image_HWC, label_HW, chosen, size))
    return crops


def _crop_around(
    dice: Dice, image_HWC: NDArray[np.uint8], label_HW: NDArray[np.uint8], train_id: int, size: int
) -> _Crop:
    """Cut a crop whose centre is of a class; of some candidates the one that shows most of it."""
    height, width = label_HW.shape
    drawn = dice.whole(1, min(height, width) // size)
    rows, columns = np.nonzero(label_HW == train_id)
    for factor in (drawn, 1):  # where no centre leaves room for the crop, the smallest one
        side, half = size * factor, size * factor // 2
        inside = (rows >= half) & (rows < height - half)
        inside &= (columns >= half) & (columns < width - half)
        if inside.any():
            rows, columns = rows[inside], columns[inside]
            break
    best, most = (0, 0, 0, 0), -1
    for _ in range(_CANDIDATES):
        place = dice.whole(0, len(rows) - 1)
        row, column = int(rows[place]), int(columns[place])
        top = min(max(row - half, 0), height - side)
        left = min(max(column - half, 0), width - side)
        near = max(2, side // 6)
        middle = label_HW[max(row - near, 0) : row + near, max(column - near, 0) : column + near]
        pixels = int((middle == train_id).sum())
        if pixels > most:
            best, most = (top, left, row, column), pixels
    top, left, row, column = best
    part = np.s_[top : top + side, left : left + side]
    # Means over factor x factor pixels, rounded in whole numbers: the same on every machine.
    blocks = image_HWC[part].reshape(size, factor, size, factor, 3).astype(np.uint32)
    means_HWC = (blocks.sum(axis=(1, 3)) + factor * factor // 2) // (factor * factor)
    return _Crop(means_HWC.astype(np.uint8), label_HW[part], int(label_HW[row, column]))
