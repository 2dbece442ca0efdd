"""A record of the last training samples, to find out why a run diverged."""

from collections import deque
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from seg.errors import DivergenceError
from seg.io.atomic import write_json
from seg.training.lightning_base import LOSS_CHECK_STEPS


class LastBatches(Callback):
    """Recorder of the last steps' samples: `divergence.json` if loss or weights are not finite.

    Each entry has the step, the epoch, the samples' positions in the training split and the
    learning rates.
    """

    def __init__(self) -> None:
        self._batches: deque[dict[str, Any]] = deque(maxlen=LOSS_CHECK_STEPS + 1)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Record the samples and learning rates of the step."""
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
        self._batches.append(
            {
                "step": trainer.global_step,
                "epoch": batch["epoch"],
                "samples": batch["index"],
                "learning_rates": rates,
            }
        )

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Write the record if training has diverged."""
        if not isinstance(exception, DivergenceError):
            return
        name = (
            "divergence.json"
            if trainer.world_size == 1
            else f"divergence.{trainer.global_rank}.json"
        )
        path = Path(trainer.default_root_dir) / name
        last_steps = [
            {**entry, "epoch": int(entry["epoch"][0]), "samples": entry["samples"].tolist()}
            for entry in self._batches
        ]
        write_json(path, {"error": str(exception).splitlines()[0], "last_steps": last_steps})
