"""All metrics of one pass over a split; memory does not grow with the split."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seg.data.label_dtype import BYTE_IGNORE_INDEX
from seg.data.label_space import LabelSpace
from seg.evaluation.protocol import BOUNDARY_RATIO, TRIMAP_PX, SplitHash
from seg.evaluation.shared_metrics import ExampleImage, SharedMetrics
from seg.inference.fusion import Tile
from seg.metrics.accumulator import Accumulator
from seg.metrics.bootstrap import PoissonBootstrap
from seg.metrics.boundary import BoundaryIoU
from seg.metrics.calibration import ReliabilityBins
from seg.metrics.confusion import ConfusionMatrix
from seg.metrics.joint_counts import pair_counts
from seg.metrics.per_image import ImageScores, image_scores
from seg.metrics.pixel_sample import LogProbabilitySample
from seg.metrics.size_strata import SizeStrata
from seg.metrics.temperature import fit_temperature, tempered_reliability
from seg.metrics.trimap import TrimapIoU
from seg.metrics.unlearnt import unlearnt

_SAMPLED_PIXELS = 200_000  # for the temperature
_BELOW_SHARE = (0.001, 0.01, 1.0)  # of the image's area: small, medium, large segments


class MetricsCollection(SharedMetrics):
    """Metrics of a split, updated image by image in one or several processes.

    Args:
        labels: the classes.
        split: name of the split; the scores are named after it.
        examples: how many of the worst and of the best images are stored.
    """

    def __init__(self, labels: LabelSpace, *, split: str = "val", examples: int = 6) -> None:
        facts = (labels.num_classes, labels.ignore_index)
        self._names, self._ignore_index = labels.names, labels.ignore_index
        self.confusion = ConfusionMatrix(*facts)
        self.boundary = BoundaryIoU(*facts, ratio=BOUNDARY_RATIO)
        self.trimap = TrimapIoU(*facts, width_px=TRIMAP_PX)
        self.reliability = ReliabilityBins()
        self.bootstrap = PoissonBootstrap(labels.num_classes)
        self.strata = SizeStrata(*facts)
        self.split = SplitHash()
        self._prefix = f"{split}/"
        # of more than 255 classes fewer pixels: as much memory
        pixels = _SAMPLED_PIXELS * min(1.0, BYTE_IGNORE_INDEX / labels.num_classes)
        self.sample = LogProbabilitySample(*facts, capacity=max(1, int(pixels)))
        super().__init__(labels.num_classes, examples)

    def add_tile(self, name: str, tile: Tile, label_HW: Tensor) -> Tensor:
        """Add some pixels of an image; return their predicted classes, H x W."""
        log_HKW = tile.logits_HKW.log_softmax(1)
        best_HW = log_HKW.max(1)
        counted_HW = label_HW != self._ignore_index
        self.reliability.update(
            best_HW.values[counted_HW].exp(), best_HW.indices[counted_HW] == label_HW[counted_HW]
        )
        place = f"{name}#{tile.rows.start},{tile.columns.start}"
        self.sample.update(place, log_HKW.transpose(0, 1), label_HW)
        return tile.label_HW

    def add_image(self, name: str, example: ExampleImage) -> ImageScores:
        """Add an image, all of whose tiles were added."""
        prediction_HW, label_HW = example.prediction, example.label
        counts_KK = pair_counts(prediction_HW, label_HW, len(self._names), self._ignore_index)
        self.confusion.add(counts_KK)
        self.bootstrap.update(name, counts_KK)
        self.class_images += counts_KK.sum(1) > 0
        for each in (self.boundary, self.trimap, self.strata):
            each.update(prediction_HW, label_HW)
        self.split.update(name, label_HW)
        scores = image_scores(name, counts_KK)
        if self.extremes.wants(scores):
            self.extremes.add(scores, example)
        return scores

    def merge_images(self, other: Self) -> None:
        """Take the pixels and the example images of another process."""
        super().merge_images(other)
        self.sample.merge(other.sample)

    def _sums(self) -> list[Accumulator]:
        metrics = (self.confusion, self.boundary, self.trimap, self.reliability)
        return [*metrics, self.bootstrap, self.strata, self.split]

    def scores(self) -> dict[str, float]:
        """Return flat scores under the split; NaN for absent classes and without a loss."""
        confusion = self.confusion
        flat = {
            "loss": self.loss_sum / self.loss_images if self.loss_images else float("nan"),
            "miou": confusion.mean_iou(),
            "pixel_accuracy": confusion.pixel_accuracy(),
            "mean_accuracy": confusion.mean_accuracy(),
            "frequency_weighted_iou": confusion.frequency_weighted_iou(),
            "mean_dice": confusion.mean_dice(),
            "boundary_miou": self.boundary.mean_iou(),
            "trimap_miou": self.trimap.mean_iou(),
            "ece": self.reliability.ece(),
        }
        a_class: dict[str, list[float]] = {
            "iou": confusion.iou().tolist(),
            "accuracy": confusion.class_accuracy().tolist(),
            "dice": confusion.dice().tolist(),
            "boundary_iou": self.boundary.iou().tolist(),
        }
        for kind, values in a_class.items():
            named = zip(self._names, values, strict=True)
            flat |= {f"{kind}/{name}": value for name, value in named}
        return {self._prefix + key: value for key, value in flat.items()}

    def replicates(self) -> dict[str, NDArray[np.float32]]:
        """Return scores over resampled images: mIoU, pixel accuracy and the IoU of each class."""
        bootstrap = self.bootstrap
        flat = {"miou": bootstrap.mean_iou(), "pixel_accuracy": bootstrap.pixel_accuracy()}
        of_class = zip(self._names, bootstrap.iou().T, strict=True)
        flat |= {f"iou/{name}": values for name, values in of_class}
        return {self._prefix + key: values.astype(np.float32) for key, values in flat.items()}

    @property
    def counted(self) -> int:
        """Return the number of pixels that count."""
        return int(self.confusion.counts.sum())

    def record(self) -> dict[str, Any]:
        """Return what `evaluation.json` holds of this kind of metrics; plain data."""
        return {
            "class_images": dict(zip(self._names, self.class_images.tolist(), strict=True)),
            "confusion": self.confusion.counts.tolist(),
            "calibration": self.calibration(),
            "size_strata": self.size_strata(),
        }

    def warnings(self, training: Mapping[str, Any]) -> list[str]:
        """Return lines on classes that are labelled and never predicted right."""
        return unlearnt(self.confusion.counts.tolist(), self._names, training)

    def calibration(self) -> dict[str, Any]:
        """Return the reliability diagram and the temperature that calibrates best; plain data."""
        diagram = self.reliability.diagram()
        temperature = ece_after = float("nan")
        if len(self.sample):
            temperature = fit_temperature(self.sample)
            ece_after = tempered_reliability(self.sample, temperature).ece()
        return {
            "edges": diagram.edges.tolist(),
            "count": diagram.pixels.tolist(),
            "confidence": diagram.confidence.tolist(),
            "accuracy": diagram.accuracy.tolist(),
            "ece": self.reliability.ece(),
            "temperature": temperature,
            "ece_after": ece_after,
        }

    def size_strata(self) -> list[dict[str, Any]]:
        """Return the recall of segments by their size; plain data."""
        strata = zip(self.strata.scores().items(), _BELOW_SHARE, strict=True)
        return [{"name": name, "below": below, **values} for (name, values), below in strata]
