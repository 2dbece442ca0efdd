"""Runs the parts: fit and score the best weights, score alone, or try one batch."""

import logging
import math
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from numpy.typing import NDArray
from torch import Tensor

from seg.assemble.parts import Parts, assemble
from seg.callbacks.checkpoints import BestAndLast
from seg.checkpoint import read_checkpoint
from seg.config.schema import TrainConfig
from seg.data.loading.loader import SegmentationLoader
from seg.errors import ConfigError
from seg.models.cost import count
from seg.outputs.files import write_json
from seg.outputs.pictures import prediction_grid, save_png
from seg.task import require_finite

log = logging.getLogger(__name__)
_PICTURED_SAMPLES = 6
_GIB = 2**30


def train(config: TrainConfig, run_dir: Path) -> float | None:
    """Build a run and fit it, or try one batch; in each process of those that train together.

    Returns:
        what `fit` returns; None after a dry run.
    """
    parts = assemble(config, run_dir)
    if config.dry_run:
        dry_run(parts)
        return None
    return fit(parts, run_dir)


def fit(parts: Parts, run_dir: Path) -> float:
    """Train, then score the best weights; returns their `val/miou`."""
    started_at = perf_counter()
    try:
        parts.trainer.fit(parts.task, datamodule=parts.data)
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {error}") from error
    for keeper in parts.trainer.checkpoint_callbacks:
        if isinstance(keeper, BestAndLast):
            _let_the_end_compete(parts, keeper)
            parts.task.model.load_state_dict(read_checkpoint(Path(keeper.best_path)).model_state)
    parts.trainer.loggers = []  # the curves end with training
    scores = score(parts, run_dir, training_s=perf_counter() - started_at)
    log.info("pictures and numbers: %s (predictions.png, metrics.json)", run_dir)
    return scores["val/miou"]


def _let_the_end_compete(parts: Parts, keeper: BestAndLast) -> None:
    """Validate the final weights where the schedule of validations did not reach them."""
    if keeper.validated_step == parts.trainer.global_step:
        return
    parts.trainer.validate(parts.task, datamodule=parts.data, verbose=False)
    keeper.offer(parts.trainer, parts.task.results)


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
    data = parts.data.split("val")
    # Lightning leaves the network on the CPU
    model = parts.task.model.to(parts.trainer.strategy.root_device)
    shown = np.unique(np.linspace(0, len(data) - 1, _PICTURED_SAMPLES).round().astype(int))
    samples = [data[int(index)] for index in shown]
    with parts.trainer.precision_plugin.forward_context():
        predictions: list[NDArray[np.uint8]] = [model.predict(sample.image) for sample in samples]
    save_png(path, prediction_grid(samples, predictions, model.labels))


def dry_run(parts: Parts) -> None:
    """Train and evaluate on one batch each; print sizes, memory and a time estimate."""
    trainer, task = parts.trainer, parts.task
    device = trainer.strategy.root_device
    task.to(device)
    train_loader, val_loader = parts.data.train_dataloader(), parts.data.val_dataloader()
    batch = _first_batch(train_loader, device)
    steps = _optimizer_steps(parts, len(train_loader))
    step_s = _time_training(parts, batch)
    val_batch = _first_batch(val_loader, device)
    val_s = _time_evaluation(parts, val_batch) * len(val_loader)
    cost = count(task.model, (1, *batch["image"].shape[1:]))
    log.info(
        "train      %d samples, %d batches of %s",
        len(parts.data.split("train")),
        len(train_loader),
        _shape(batch),
    )
    log.info(
        "val        %d samples, batches of %s", len(parts.data.split("val")), _shape(val_batch)
    )
    log.info(
        "network    %.2f M parameters, %.2f G multiply-adds a training crop",
        cost.parameters / 1e6,
        cost.multiply_adds / 1e9,
    )
    log.info("memory     %.1f GiB at peak on %s", _peak_gib(device), device)
    log.info(
        "time       %.2f s a step, %.0f steps: %s; %.0f s a validation",
        step_s,
        steps,
        _duration(steps * step_s),
        val_s,
    )


def _first_batch(loader: SegmentationLoader, device: torch.device) -> dict[str, Tensor]:
    batch = next(iter(loader))
    return {"image": batch["image"].to(device), "label": batch["label"].to(device)}


def _shape(batch: dict[str, Tensor]) -> str:
    return " x ".join(str(size) for size in batch["image"].shape)


def _optimizer_steps(parts: Parts, batches: int) -> int:
    """Optimizer steps of the whole run."""
    trainer = parts.trainer
    limit = trainer.limit_train_batches
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    ends = [trainer.max_steps] if trainer.max_steps > 0 else []
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        ends.append(trainer.max_epochs * math.ceil(batches / trainer.accumulate_grad_batches))
    return min(ends)


def _time_training(parts: Parts, batch: dict[str, Tensor]) -> float:
    """Seconds of one optimizer step, after one to warm up."""
    parts.task.train()
    optimizer = parts.task.create_optimizer()
    for _ in range(2):
        started_at = perf_counter()
        for _ in range(parts.trainer.accumulate_grad_batches):
            with parts.trainer.precision_plugin.forward_context():
                loss = parts.task.loss(parts.task(batch["image"]), batch["label"])
            require_finite(loss, "the first batch")
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        elapsed_s = perf_counter() - started_at
    return elapsed_s


@torch.inference_mode()
def _time_evaluation(parts: Parts, batch: dict[str, Tensor]) -> float:
    parts.task.eval()
    started_at = perf_counter()
    with parts.trainer.precision_plugin.forward_context():
        parts.task(batch["image"]).argmax(1).sum().item()
    return perf_counter() - started_at


def _peak_gib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _GIB
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _GIB


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{max(minutes, 1)} min"
