"""One pass of a network over a split: everything measured, written and told."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed

from seg.build.segmentation import Parts
from seg.data.label_ids import all_ignored_error
from seg.data.loading.loader import Batch
from seg.dataset_tools.progress import counted
from seg.evaluation.metrics_collection import Measures, Shown, intervals
from seg.evaluation.protocol import protocol
from seg.evaluation.results_file import write_examples, write_record
from seg.inference.fusion import Tile, WindowLogits, iter_tiles
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.io.atomic import write_atomically, write_json
from seg.io.csv_table import format_csv
from seg.metrics.per_image import ImageScores
from seg.metrics.unlearnt import unlearnt
from seg.visualization.grids import predicted_grid, save_png

log = logging.getLogger(__name__)
_PICTURED_SAMPLES = 6


@dataclass(frozen=True)
class Evaluator:
    """Evaluates the network of `parts` on its evaluation set.

    Attributes:
        parts: data, task and trainer; of several processes each measures its share.
        inference: how the network is applied.
        checkpoint: which network it is, as `checkpoint_facts` tells it.
    """

    parts: Parts
    inference: Inference
    checkpoint: dict[str, Any]

    def run(self, run_dir: Path, **timings_s: float) -> dict[str, float]:
        """Write `metrics.json`, `evaluation.json`, `per_image.csv` and pictures.

        Returns:
            flat scores under the split, as `test/miou`.
        """
        started_at = perf_counter()
        split = self.parts.data.split("val").split
        measures = Measures(self.parts.task.labels, split=split)
        rows = self._measure(measures)
        measures.reduce()
        rows = _gathered(rows)
        timings_s["evaluation_s"] = perf_counter() - started_at
        if not measures.confusion.counts.sum():
            raise all_ignored_error(split, f"{measures.split.images} labels")
        scores = measures.scores()
        if self.parts.trainer.is_global_zero:
            write_json(run_dir / "metrics.json", {**scores, **timings_s})
            _write_table(run_dir / "per_image.csv", rows)
            self._record(measures, scores, run_dir, timings_s["evaluation_s"])
            self._write_grid(run_dir / "predictions.png")
        _tell(split, scores, self.parts.task.labels.names, measures.split.images)
        confusion_KK = measures.confusion.counts.tolist()
        names = self.parts.task.labels.names
        for line in unlearnt(confusion_KK, names, self.parts.task.config):
            log.warning("%s", line)
        return scores

    @torch.inference_mode()
    def _measure(self, measures: Measures) -> list[ImageScores]:
        device = self.parts.trainer.strategy.root_device
        task = self.parts.task.to(device).eval()
        data = self.parts.data.split("val")
        rows = []
        with (
            self.parts.trainer.precision_plugin.forward_context(),
            counted("evaluating", len(data)) as advance,
        ):
            for batch in self.parts.data.val_dataloader():
                label_BHW = batch["label"].to(device)
                for at, pieces in enumerate(self._pieces(batch, measures)):
                    shown = _predict_image(batch, at, pieces, label_BHW[at], measures)
                    rows.append(measures.add_image(batch["name"][at], shown))
                    advance()
        task.model.eval()
        return rows

    def _pieces(self, batch: Batch, measures: Measures) -> Iterator[Iterator[Tile]]:
        """What the network says of each picture of a batch."""
        task, model = self.parts.task, self.parts.task.model
        image_BCHW = batch["image"]
        height, width = image_BCHW.shape[2:]
        if not self.inference.fits_whole(model, height, width):
            for image_CHW in image_BCHW:
                raster = ArrayRaster(image_CHW.permute(1, 2, 0).numpy())
                yield self.inference.iter_tiles(model, raster)
            return
        logits = task.coarse(image_BCHW.to(task.device))
        measures.add_loss(task.loss_of(logits, batch["label"].to(task.device)), len(image_BCHW))
        for at in range(len(image_BCHW)):
            yield iter_tiles([[WindowLogits.whole(logits, at)]], slice(0, height), width)

    def _record(
        self, measures: Measures, scores: dict[str, float], run_dir: Path, seconds: float
    ) -> None:
        labels = self.parts.task.labels
        replicates = measures.replicates()
        kept = {"worst": measures.extremes.worst(), "best": measures.extremes.best()}
        content = {
            "protocol": protocol(
                labels, measures.split, self.parts.data.split("val").split, self.inference
            ),
            "checkpoint": self.checkpoint,
            "classes": list(labels.names),
            "palette": [list(color) for color in labels.palette],
            "scores": scores,
            "intervals": intervals(replicates),
            "class_images": dict(zip(labels.names, measures.class_images.tolist(), strict=True)),
            "confusion": measures.confusion.counts.tolist(),
            "calibration": measures.calibration(),
            "size_strata": measures.size_strata(),
            "examples": write_examples(run_dir, kept, labels),
            "speed": {"seconds": seconds, "images_per_s": measures.split.images / seconds},
        }
        write_record(run_dir, content, replicates)

    def _write_grid(self, path: Path) -> None:
        with self.parts.trainer.precision_plugin.forward_context():
            grid = predicted_grid(
                self.parts.task.model, self.parts.data.split("val"), _PICTURED_SAMPLES
            )
        save_png(path, grid)


def _predict_image(
    batch: Batch,
    at: int,
    pieces: Iterator[Tile],
    label_HW: Tensor,
    measures: Measures,
) -> Shown:
    """A picture with what was predicted, its pixels measured on the way."""
    name = batch["name"][at]
    prediction_HW = torch.empty_like(label_HW, dtype=torch.uint8)
    for tile in pieces:
        part = (tile.rows, tile.columns)
        prediction_HW[part] = measures.add_tile(name, tile, label_HW[part])
    image_HW3 = batch["image"][at].permute(1, 2, 0).contiguous().numpy()
    return Shown(
        image_HW3, batch["label"][at].numpy().astype(np.uint8), prediction_HW.cpu().numpy()
    )


def _gathered(rows: list[ImageScores]) -> list[ImageScores]:
    """Those of all processes, by name."""
    if distributed.is_available() and distributed.is_initialized():
        shares: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(shares, rows)
        rows = [row for share in shares for row in share]
    return sorted(rows, key=lambda row: row.name)


def _write_table(path: Path, rows: Sequence[ImageScores]) -> None:
    table = [("name", "miou", "pixel_accuracy")]
    table += [(row.name, f"{row.mean_iou:.6f}", f"{row.pixel_accuracy:.6f}") for row in rows]
    write_atomically(path, lambda file: file.write(format_csv(table).encode()))


def _tell(split: str, scores: dict[str, float], names: Sequence[str], images: int) -> None:
    loss = scores[f"{split}/loss"]  # windows, scales and flips give logits without one
    log.info(
        "%s mIoU %.4f  pixel accuracy %.4f%s  boundary mIoU %.4f  on %d pictures",
        split,
        scores[f"{split}/miou"],
        scores[f"{split}/pixel_accuracy"],
        "" if math.isnan(loss) else f"  loss {loss:.3f}",
        scores[f"{split}/boundary_miou"],
        images,
    )
    for name in names:
        log.info("  %-16s %s", name, _percent(scores[f"{split}/iou/{name}"]))


def _percent(iou: float) -> str:
    return "absent" if math.isnan(iou) else f"{100 * iou:5.1f} %"
