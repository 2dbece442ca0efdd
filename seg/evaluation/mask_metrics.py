"""All metrics of one pass of sigmoid outputs over a split; memory does not grow with the split."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.data.label_space import LabelSpace
from seg.evaluation.protocol import BOUNDARY_RATIO, SplitHash
from seg.evaluation.shared_metrics import ExampleImage, SharedMetrics
from seg.inference.fusion import Tile
from seg.losses.mask_loss import IGNORED, masks_of
from seg.metrics.accumulator import Accumulator
from seg.metrics.mask_counts import (
    LENGTH,
    MaskCounts,
    mask_counts,
    mean_output_scores,
    output_scores,
    probability_counts,
    reliability,
)
from seg.metrics.per_image import ImageScores
from seg.metrics.resampled_sums import ResampledSums


class MaskMetrics(SharedMetrics):
    """Metrics of a split, updated image by image in one or several processes.

    Args:
        labels: the classes, with outputs.
        split: name of the split; the scores are named after it.
        examples: how many of the worst and of the best images are stored.
    """

    def __init__(self, labels: LabelSpace, *, split: str = "val", examples: int = 6) -> None:
        if labels.members is None:
            raise ValueError("exclusive classes have no masks")
        self._names, self._ignore_index = labels.output_names, labels.ignore_index
        self._members = torch.from_numpy(labels.members).byte()
        count = labels.num_outputs
        self.counts = MaskCounts(count)
        self.resampled = ResampledSums(count * LENGTH)
        self.split = SplitHash()
        self._prefix = f"{split}/"
        super().__init__(count, examples)
        self._image = np.zeros((count, LENGTH), np.int64)
        self._masks: list[tuple[slice, slice, NDArray[np.bool_]]] = []  # of the image's tiles

    @property
    def counted(self) -> int:
        """Return the number of pixels that count."""
        return int(self.counts.counts[:, 3].max())

    def add_tile(self, name: str, tile: Tile, label_HW: Tensor) -> Tensor:
        """Add some pixels of an image; return the codes of their masks, uint8, H x W."""
        masks_KHW = self._targets(label_HW.cpu())
        counted_HW = masks_KHW[0] != IGNORED
        probabilities_KHW = tile.probabilities_HKW.transpose(0, 1).cpu().numpy()
        predicted_HKW = tile.masks_HKW
        assert predicted_HKW is not None, "the tile is of sigmoid outputs"
        self._image += probability_counts(
            probabilities_KHW[:, counted_HW], masks_KHW[:, counted_HW]
        )
        predicted_KHW = predicted_HKW.transpose(0, 1).cpu().numpy()
        self._masks.append((tile.rows, tile.columns, predicted_KHW))
        return tile.label_HW

    def add_image(self, name: str, example: ExampleImage) -> ImageScores:
        """Add an image, all of whose tiles were added."""
        masks_KHW = self._targets(torch.from_numpy(example.label))
        predicted_KHW = np.zeros(masks_KHW.shape, np.bool_)
        for rows, columns, part_KHW in self._masks:
            predicted_KHW[:, rows, columns] = part_KHW
        counts = self._image + mask_counts(predicted_KHW, masks_KHW, boundary_ratio=BOUNDARY_RATIO)
        self.counts.add(counts)
        self.resampled.update(name, counts.ravel())
        self.class_images += counts[:, 1] > 0
        self.split.update(name, example.label)
        means = mean_output_scores(counts)
        scores = ImageScores(name, float(means["miou"]), float(means["pixel_accuracy"]))
        if self.extremes.wants(scores):
            self.extremes.add(scores, example)
        self._masks.clear()
        self._image[:] = 0
        return scores

    def _sums(self) -> list[Accumulator]:
        return [self.counts, self.resampled, self.split]

    def scores(self) -> dict[str, float]:
        """Return flat scores under the split; NaN for absent outputs and without a loss."""
        loss = self.loss_sum / self.loss_images if self.loss_images else float("nan")
        flat = self._flat(self.counts.counts)
        return {
            self._prefix + "loss": loss,
            **{self._prefix + key: float(value) for key, value in flat.items()},
        }

    def replicates(self) -> dict[str, NDArray[np.float32]]:
        """Return the scores over resampled images."""
        resampled = self.resampled.replicates
        flat = self._flat(resampled.reshape(len(resampled), -1, LENGTH))
        return {self._prefix + key: values.astype(np.float32) for key, values in flat.items()}

    def record(self) -> dict[str, Any]:
        """Return what `evaluation.json` holds of this kind of metrics; plain data."""
        bins = reliability(self.counts.counts)
        diagram = bins.diagram()
        return {
            "class_images": dict(zip(self._names, self.class_images.tolist(), strict=True)),
            "confusion": None,
            "calibration": {
                "edges": diagram.edges.tolist(),
                "count": diagram.pixels.tolist(),
                "confidence": diagram.confidence.tolist(),
                "accuracy": diagram.accuracy.tolist(),
                "ece": bins.ece(),
                "temperature": None,
                "ece_after": None,
            },
            "size_strata": None,
        }

    def warnings(self, training: Mapping[str, Any]) -> list[str]:
        """Return lines on outputs that are labelled and never predicted."""
        pixels = zip(self._names, self.counts.counts[:, 1], self.counts.counts[:, 2], strict=True)
        never = [name for name, labelled, predicted in pixels if labelled and not predicted]
        if not never:
            return []
        return [
            f"never predicted: {', '.join(never)}",
            "  try, in training: loss=bce_dice, labels.thresholds=best_dice, more steps",
        ]

    def _targets(self, label_HW: Tensor) -> NDArray[np.uint8]:
        """Return one mask an output, K x H x W: 0, 1 or `IGNORED`."""
        masks: NDArray[np.uint8] = masks_of(label_HW[None], self._members, self._ignore_index)[
            0
        ].numpy()
        return masks

    def _flat(self, counts_KD: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        flat = mean_output_scores(counts_KD)
        for kind, values in output_scores(counts_KD).items():
            for at, name in enumerate(self._names):
                flat[f"{kind}/{name}"] = values[..., at]
        return flat
