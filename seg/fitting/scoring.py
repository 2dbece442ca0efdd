"""Scores a split: numbers, a table and pictures."""

import logging
import math
from pathlib import Path
from time import perf_counter

from seg.assemble.parts import Parts
from seg.outputs.files import write_json
from seg.outputs.pictures import predicted_grid, save_png

log = logging.getLogger(__name__)
_PICTURED_SAMPLES = 6


def score(parts: Parts, run_dir: Path, **timings_s: float) -> dict[str, float]:
    """Score the evaluation set; writes `metrics.json` and `predictions.png` into `run_dir`."""
    started_at = perf_counter()
    parts.trainer.validate(parts.task, datamodule=parts.data, verbose=False)
    scores = parts.task.results
    if parts.trainer.is_global_zero:
        timings_s["evaluation_s"] = perf_counter() - started_at
        write_json(run_dir / "metrics.json", {**scores, **timings_s})
        _picture(parts, run_dir / "predictions.png")
    log.info(
        "val mIoU %.4f  pixel accuracy %.4f  loss %.3f  on %d pictures",
        scores["val/miou"],
        scores["val/pixel_accuracy"],
        scores["val/loss"],
        len(parts.data.split("val")),
    )
    for name in parts.task.labels.names:
        log.info("  %-16s %s", name, _percent(scores[f"val/iou/{name}"]))
    return scores


def _percent(iou: float) -> str:
    return "absent" if math.isnan(iou) else f"{100 * iou:5.1f} %"


def _picture(parts: Parts, path: Path) -> None:
    # Lightning leaves the network on the CPU
    model = parts.task.model.to(parts.trainer.strategy.root_device)
    with parts.trainer.precision_plugin.forward_context():
        grid = predicted_grid(model, parts.data.split("val"), _PICTURED_SAMPLES)
    save_png(path, grid)
