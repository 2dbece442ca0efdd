"""Progress of a run: a first line, then a bar on a terminal, or lines at intervals elsewhere."""

import logging
import math
from time import perf_counter
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from seg.io.terminal_bar import close_all_bars, close_bar, open_bar
from seg.training.callbacks.checkpoints import in_training

log = logging.getLogger(__name__)
_SMOOTHING = 0.9
_REFRESH_STEPS = 10  # reading the loss waits for the device
_LINE_S = 30.0
"""The longest time without a line where there is no bar, seconds, or a tenth of the run."""


class TrainingProgress(ProgressBar):
    """One bar for the whole run: step, loss, the newest score, images/s, time left."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Progress | None = None
        self._images_per_s = 0.0
        self._loss = float("nan")
        self._score = float("nan")
        self._batch_started_at = 0.0
        self._line_at, self._line_step = 0.0, 0
        self._writes_lines = False

    def disable(self) -> None:
        """Remove the bar."""
        close_bar(self._bar)
        self._bar = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the first line and open the bar."""
        if not trainer.is_global_zero:
            return
        task: Any = pl_module
        close_all_bars()
        log.info("%s", _first_line(trainer, task))
        columns = (
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=20),
            TextColumn(
                "loss {task.fields[loss]}  {task.fields[title]} {task.fields[score]}"
                "  {task.fields[speed]:.1f} images/s  left"
            ),
            TimeRemainingColumn(),
        )
        self._bar = open_bar(*columns)
        if self._bar is None:
            self._writes_lines = True
            self._line_at, self._line_step = perf_counter(), trainer.global_step
            return
        total = trainer.estimated_stepping_batches
        self._task = self._bar.add_task(
            "",
            total=total,
            loss=_format_score(self._loss),
            title=task.progress_metrics[0][1],
            score=_format_score(self._score),
            speed=0.0,
        )

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start the clock of the first batch."""
        self._batch_started_at = self._batch_started_at or perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update speed and loss on the bar, or log a line that is due."""
        now = perf_counter()
        speed = len(batch["image"]) * trainer.world_size / max(now - self._batch_started_at, 1e-9)
        self._batch_started_at = now
        keep = _SMOOTHING if self._images_per_s else 0.0
        self._images_per_s = keep * self._images_per_s + (1 - keep) * speed
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if self._writes_lines and self._is_line_due(trainer):
            total = trainer.estimated_stepping_batches
            self._write_line(
                trainer,
                f"step {trainer.global_step}/{total:.0f}  "
                f"train loss {float(loss.detach()) if isinstance(loss, Tensor) else math.nan:.3f}  "
                f"{self._images_per_s:.1f} images/s",
            )
        if self._bar is not None:
            if isinstance(loss, Tensor) and trainer.global_step % _REFRESH_STEPS in (0, 1):
                self._loss = float(loss.detach())
            self._bar.update(
                self._task,
                completed=trainer.global_step,
                loss=_format_score(self._loss),
                score=_format_score(self._score),
                speed=self._images_per_s,
            )

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *indices: int
    ) -> None:
        """Log a line that is due."""
        batch_index, loader = (*indices, 0)[:2]
        if self._writes_lines and perf_counter() - self._line_at >= _LINE_S:
            batches = trainer.num_val_batches[loader]
            self._write_line(trainer, f"validation {batch_index + 1}/{batches:.0f} batches")

    def _is_line_due(self, trainer: Trainer) -> bool:
        steps = trainer.global_step - self._line_step
        tenth = 10 * steps >= trainer.estimated_stepping_batches
        return steps > 0 and (tenth or perf_counter() - self._line_at >= _LINE_S)

    def _write_line(self, trainer: Trainer, text: str) -> None:
        log.info("%s", text)
        self._line_at, self._line_step = perf_counter(), trainer.global_step

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the scores of the validation."""
        self._batch_started_at = 0.0
        metrics = trainer.callback_metrics
        task: Any = pl_module
        if not in_training(trainer) or task.progress_metrics[0][0] not in metrics:
            return
        self._score = float(metrics[task.progress_metrics[0][0]])
        log.info(
            "step %d/%d  train loss %.3f  val loss %.3f  val %s  %.1f images/s",
            trainer.global_step,
            trainer.estimated_stepping_batches,
            float(metrics.get("train/loss", float("nan"))),
            float(metrics["val/loss"]),
            "  ".join(f"{title} {float(metrics[key]):.4f}" for key, title in task.progress_metrics),
            self._images_per_s,
        )
        self._line_at, self._line_step = perf_counter(), trainer.global_step

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the bar."""
        self.disable()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Remove the bar."""
        self.disable()


def _first_line(trainer: Trainer, task: Any) -> str:
    """Describe in a line what is trained on what, where and for how long."""
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    counts = ", ".join(f"{len(data.split(name))} {name}" for name in ("train", "val"))
    size: Any = task.config
    for part in task.crop_key.split("."):
        size = size.get(part) if isinstance(size, dict) else None
    steps = trainer.estimated_stepping_batches
    crops = steps * trainer.accumulate_grad_batches * data.batch_size * trainer.world_size
    epochs = crops / len(data.split("train"))
    of = f" of {' x '.join(map(str, size))}" if isinstance(size, list) else ""
    return (
        f"training  {type(data.split('train')).__name__}: {counts} samples,"
        f" {len(task.labels.names)} classes;"
        f" {data.batch_size} crops{of} a batch on {trainer.world_size} x"
        f" {trainer.strategy.root_device}; steps {trainer.global_step} to"
        f" {steps:.0f}, {epochs:.3g} epoch{'s' * (epochs != 1)}; run {trainer.default_root_dir}"
    )


def _format_score(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
