"""Progress of a run: a bar on a terminal, a line a validation elsewhere."""

import logging
import math
from time import perf_counter
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar
from pytorch_lightning.trainer.states import TrainerFn
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

log = logging.getLogger(__name__)
_SMOOTHING = 0.9
_REFRESH_STEPS = 10  # reading the loss waits for the device


class TrainingProgress(ProgressBar):
    """One bar for the whole run: step, loss, the newest score, images/s, time left."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Progress | None = None
        self._images_per_s = 0.0
        self._loss = float("nan")
        self._score = float("nan")
        self._batch_started_at = 0.0

    def disable(self) -> None:
        self._stop()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        console = Console(stderr=True)
        if not (trainer.is_global_zero and console.is_terminal):
            return
        columns = (
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=20),
            TextColumn(
                "loss {task.fields[loss]}  {task.fields[title]} {task.fields[score]}"
                "  {task.fields[speed]:.1f} images/s  left"
            ),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, transient=True)
        total = trainer.estimated_stepping_batches
        self._task = self._bar.add_task(
            "",
            total=total,
            loss=_shown(self._loss),
            title=_headlines(pl_module)[0][1],
            score=_shown(self._score),
            speed=0.0,
        )
        self._bar.start()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._batch_started_at = self._batch_started_at or perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = perf_counter()
        speed = len(batch["image"]) * trainer.world_size / max(now - self._batch_started_at, 1e-9)
        self._batch_started_at = now
        keep = _SMOOTHING if self._images_per_s else 0.0
        self._images_per_s = keep * self._images_per_s + (1 - keep) * speed
        if self._bar is not None:
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            if isinstance(loss, Tensor) and trainer.global_step % _REFRESH_STEPS in (0, 1):
                self._loss = float(loss.detach())
            self._bar.update(
                self._task,
                completed=trainer.global_step,
                loss=_shown(self._loss),
                score=_shown(self._score),
                speed=self._images_per_s,
            )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batch_started_at = 0.0
        metrics = trainer.callback_metrics
        fitting = trainer.state.fn == TrainerFn.FITTING
        headlines = _headlines(pl_module)
        if trainer.sanity_checking or not fitting or headlines[0][0] not in metrics:
            return
        self._score = float(metrics[headlines[0][0]])
        log.info(
            "step %d/%d  train loss %.3f  val loss %.3f  val %s  %.1f images/s",
            trainer.global_step,
            trainer.estimated_stepping_batches,
            float(metrics.get("train/loss", float("nan"))),
            float(metrics["val/loss"]),
            "  ".join(f"{title} {float(metrics[key]):.4f}" for key, title in headlines),
            self._images_per_s,
        )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _headlines(task: Any) -> tuple[tuple[str, str], ...]:
    """`(key, title)` of the scores that are told, the first one on the bar as well."""
    headlines: tuple[tuple[str, str], ...] = task.headlines
    return headlines


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
