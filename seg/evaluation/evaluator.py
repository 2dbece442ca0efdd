"""Evaluation: one pass of a network over a split, measured, written and reported."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from seg.build.evaluation import EvaluationParts
from seg.data.label_dtype import BYTE_IGNORE_INDEX
from seg.data.label_ids import all_ignored_error
from seg.data.loading.loader import Batch
from seg.data.readers.value_range import PLAIN
from seg.evaluation.mask_metrics import MaskMetrics
from seg.evaluation.metrics_collection import MetricsCollection
from seg.evaluation.protocol import protocol
from seg.evaluation.results_file import write_examples, write_record
from seg.evaluation.shared_metrics import ExampleImage
from seg.inference.fusion import Tile, WindowLogits, iter_tiles
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.io.atomic import write_atomically, write_json
from seg.io.csv_table import format_csv
from seg.io.terminal_bar import progress_bar
from seg.kernels.label_tensors import label_array
from seg.losses.cross_entropy import compute_loss
from seg.metrics.bootstrap import interval
from seg.metrics.per_image import ImageScores
from seg.visualization.composite import as_rgb
from seg.visualization.grids import predicted_grid, save_png

Metrics = MetricsCollection | MaskMetrics
log = logging.getLogger(__name__)
_GRID_SAMPLES = 6
_LOWEST_LISTED = 20  # of many classes


@dataclass(frozen=True)
class Evaluator:
    """Evaluates the model of `parts` on the evaluation set.

    Attributes:
        parts: model, data and trainer; of several processes each measures its share.
        inference: how the model is applied.
        checkpoint: facts of the model, see `checkpoint_facts`.
    """

    parts: EvaluationParts
    inference: Inference
    checkpoint: dict[str, Any]

    def run(self, run_dir: Path, **timings_s: float) -> dict[str, float]:
        """Write `metrics.json`, `evaluation.json`, `per_image.csv` and images.

        Returns:
            flat scores under the split, as `test/miou`.
        """
        started_at = perf_counter()
        data, labels = self.parts.data.split("val"), self.parts.model.labels
        split = data.split
        decoding = getattr(data, "decoding", PLAIN)
        if decoding != PLAIN:
            log.info("images     %s", decoding)
        kind = MetricsCollection if labels.outputs is None else MaskMetrics
        metrics = kind(labels, split=split)
        rows = self._measure(metrics)
        metrics.reduce()
        rows = _gather_rows(rows)
        timings_s["evaluation_s"] = perf_counter() - started_at
        if not metrics.counted:
            raise all_ignored_error(split, f"{metrics.split.images} labels")
        scores = metrics.scores()
        if self.parts.trainer.is_global_zero:
            write_json(run_dir / "metrics.json", {**scores, **timings_s})
            table = [("name", "miou", "pixel_accuracy")]
            table += [(r.name, f"{r.mean_iou:.6f}", f"{r.pixel_accuracy:.6f}") for r in rows]
            text = format_csv(table).encode()
            write_atomically(run_dir / "per_image.csv", lambda file: file.write(text))
            self._record(metrics, scores, run_dir, timings_s["evaluation_s"])
            with self.parts.trainer.precision_plugin.forward_context():
                grid = predicted_grid(self.parts.model, data, _GRID_SAMPLES)
            save_png(run_dir / "predictions.png", grid)
        _log_scores(split, scores, labels.output_names, metrics.split.images)
        for line in metrics.warnings(self.parts.config):
            log.warning("%s", line)
        return scores

    @torch.inference_mode()
    def _measure(self, metrics: Metrics) -> list[ImageScores]:
        """Measure this process's share of the split; return its rows of `per_image.csv`."""
        device = self.parts.trainer.strategy.root_device
        composite = self.parts.model.decoding.composite
        self.parts.model.to(device)
        self.parts.loss.to(device)
        data = self.parts.data.split("val")
        rows = []
        with (
            self.parts.trainer.precision_plugin.forward_context(),
            progress_bar("evaluating", len(data)) as advance,
        ):
            for batch in self.parts.data.val_dataloader():
                label_BHW = batch["label"].to(device)
                for at, tiles in enumerate(self._iter_images(batch, metrics)):
                    prediction_HW = _measure_image(batch, at, tiles, label_BHW[at], metrics)
                    image_HWC = batch["image"][at].permute(1, 2, 0).contiguous().numpy()
                    example = ExampleImage(
                        as_rgb(image_HWC, composite, stretched=True),
                        batch["label"][at].numpy().astype(self.parts.model.labels.dtype),
                        prediction_HW,
                    )
                    rows.append(metrics.add_image(batch["name"][at], example))
                    advance()
        return rows

    def _iter_images(self, batch: Batch, metrics: Metrics) -> Iterator[Iterator[Tile]]:
        """Yield the tiles of logits of each image of a batch."""
        parts, image_BCHW = self.parts, batch["image"]
        height, width = image_BCHW.shape[2:]
        if not self.inference.fits_whole(parts.model, height, width):
            for image_CHW in image_BCHW:
                raster = ArrayRaster(image_CHW.permute(1, 2, 0).numpy())
                yield self.inference.iter_tiles(parts.model, raster)
            return
        image_BCHW = image_BCHW.to(parts.model.device)
        logits = parts.model.forward_image(image_BCHW.contiguous(memory_format=parts.memory_format))
        loss = compute_loss(parts.loss, logits, batch["label"].to(image_BCHW.device))
        metrics.add_loss(loss, len(image_BCHW))
        for at in range(len(image_BCHW)):
            windows = [[WindowLogits.whole(logits, at)]]
            yield iter_tiles(windows, slice(0, height), width, parts.model.labels.outputs)

    def _record(
        self, metrics: Metrics, scores: dict[str, float], run_dir: Path, seconds: float
    ) -> None:
        """Write `evaluation.json` and the example images."""
        labels = self.parts.model.labels
        replicates = metrics.replicates()
        extremes = {"worst": metrics.extremes.worst(), "best": metrics.extremes.best()}
        content = {
            "protocol": protocol(
                labels, metrics.split, self.parts.data.split("val").split, self.inference
            ),
            "checkpoint": self.checkpoint,
            "images": self.parts.model.decoding.to_dict(),
            "classes": list(labels.output_names),
            "palette": [list(color) for color in labels.output_palette],
            **({} if labels.outputs is None else {"outputs": labels.outputs.to_dict()}),
            "scores": scores,
            "intervals": {  # with 95 % of the replicates
                key: interval(values.astype(np.float64)) for key, values in replicates.items()
            },
            **metrics.record(),
            "examples": write_examples(run_dir, extremes, labels),
            "speed": {"seconds": seconds, "images_per_s": metrics.split.images / seconds},
        }
        write_record(run_dir, content, replicates)


def _measure_image(
    batch: Batch,
    at: int,
    tiles: Iterator[Tile],
    label_HW: Tensor,
    metrics: Metrics,
) -> NDArray[Any]:
    """Add the tiles of an image to the metrics; return its prediction."""
    name = batch["name"][at]
    kind = torch.int32 if label_HW.dtype == torch.int32 else torch.uint8
    prediction_HW = torch.empty_like(label_HW, dtype=kind)
    for tile in tiles:
        part = (tile.rows, tile.columns)
        prediction_HW[part] = metrics.add_tile(name, tile, label_HW[part])
    return label_array(prediction_HW)


def _gather_rows(rows: list[ImageScores]) -> list[ImageScores]:
    """Return the rows of all processes, by name."""
    if distributed.is_available() and distributed.is_initialized():
        shares: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(shares, rows)
        rows = [row for share in shares for row in share]
    return sorted(rows, key=lambda row: row.name)


def _log_scores(split: str, scores: dict[str, float], names: Sequence[str], images: int) -> None:
    """Log the scores of the split and the IoU of each class."""
    loss = scores[f"{split}/loss"]  # windows, scales and flips give logits without one
    log.info(
        "%s mIoU %.4f  pixel accuracy %.4f%s  boundary mIoU %.4f  on %d images",
        split,
        scores[f"{split}/miou"],
        scores[f"{split}/pixel_accuracy"],
        "" if math.isnan(loss) else f"  loss {loss:.3f}",
        scores[f"{split}/boundary_miou"],
        images,
    )
    listed = list(names)
    if len(listed) > BYTE_IGNORE_INDEX:
        listed.sort(key=lambda name: np.nan_to_num(scores[f"{split}/iou/{name}"], nan=np.inf))
        log.info("the %d lowest of %d classes; all: metrics.json", _LOWEST_LISTED, len(names))
        listed = listed[:_LOWEST_LISTED]
    for name in listed:
        iou = scores[f"{split}/iou/{name}"]
        log.info("  %-16s %s", name, "absent" if math.isnan(iou) else f"{100 * iou:5.1f} %")
