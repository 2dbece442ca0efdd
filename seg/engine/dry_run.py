"""Dry run: one batch through everything, before a long run."""

import logging
import sys
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from seg.build.segmentation import FitParts
from seg.data.loading.loader import SegmentationLoader
from seg.data.readers.value_range import PLAIN
from seg.engine.extension import optimizer_steps
from seg.profiling.flops import count
from seg.training.callbacks.checkpoints import BestAndLast
from seg.training.lightning_base import require_finite

log = logging.getLogger(__name__)
_GIB = 2**30


def dry_run(parts: FitParts) -> None:
    """Train and evaluate on one batch each; print sizes, memory and a time estimate."""
    trainer, task = parts.trainer, parts.task
    device = trainer.strategy.root_device
    task.to(device)
    for keeper in trainer.checkpoint_callbacks:
        if isinstance(keeper, BestAndLast):
            keeper.check_monitor(task)
    train_loader, val_loader = parts.data.train_dataloader(), parts.data.val_dataloader()
    batch = _first_batch(train_loader, device)
    steps = optimizer_steps(parts)
    trainer.precision_plugin.convert_module(task)  # as Lightning does before it fits
    cost = count(task.model, (1, *batch["image"].shape[1:]))
    step_s = _time_training(parts, batch, round(steps))
    val_batch = _first_batch(val_loader, device)
    val_s = _time_evaluation(parts, val_batch) * len(val_loader)
    decoding = getattr(parts.data.split("train"), "decoding", PLAIN)
    if decoding != PLAIN:
        log.info("images     %s", decoding)
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


def _time_training(parts: FitParts, batch: dict[str, Tensor], steps: int) -> float:
    """Return the seconds of one optimizer step of a run of `steps`, after one to warm up."""
    parts.task.train()
    optimizer = parts.task.create_optimizer()
    parts.task.create_schedule(optimizer, steps)  # what it refuses must not wait for the run
    for _ in range(2):
        started_at = perf_counter()
        for _ in range(parts.trainer.accumulate_grad_batches):
            with parts.trainer.precision_plugin.forward_context():
                loss: Any = parts.task.training_loss(batch)[0]
            require_finite(loss, "the first batch")
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        elapsed_s = perf_counter() - started_at
    return elapsed_s


@torch.inference_mode()
def _time_evaluation(parts: FitParts, batch: dict[str, Tensor]) -> float:
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
