"""Configuration -> trainer with what happens around training, whatever is trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from seg.build.ddp import ddp_kwargs
from seg.build.instantiate import build
from seg.build.loggers import open_loggers
from seg.build.precision import precision_of
from seg.config.schema import FitConfig
from seg.errors import ConfigError
from seg.models.batch_norm import BatchNormPolicy
from seg.training.callbacks.batch_history import LastBatches
from seg.training.callbacks.batch_norm_recalibration import Recalibration
from seg.training.callbacks.ddp_consistency import Agreement
from seg.training.callbacks.lr_rollback import LearningRateScale
from seg.training.callbacks.pruning import Pruning
from seg.training.callbacks.rng_state import RandomState
from seg.training.callbacks.signal_checkpoint import Interruption


def build_trainer_and_batch_norm(
    config: FitConfig, run_dir: Path
) -> tuple[BatchNormPolicy, pl.Trainer]:
    """What every run is fitted by, with the random numbers of its rank."""
    batch_norm: BatchNormPolicy = build(
        "batch_norm", config.batch_norm.node(), batch_size=config.loader.batch_size
    )
    trainer = build_trainer(
        config.trainer.node(),
        run_dir,
        _callbacks(config, batch_norm),
        open_loggers(config.logger, run_dir),
    )
    if trainer.global_rank:  # each process drops units of its own
        torch.manual_seed(config.seed + trainer.global_rank)
    return batch_norm, trainer


def _callbacks(config: FitConfig, batch_norm: BatchNormPolicy) -> list[Any]:
    """Those that the configuration names, and those that every run needs."""
    callbacks = [
        build(f"callbacks.{name}", node.node()) for name, node in config.callbacks.items() if node
    ]
    if batch_norm.recalibrate:  # after what else changes weights at the end
        callbacks.append(Recalibration(batches=batch_norm.recalibrate))
    callbacks += [RandomState(), LearningRateScale(), LastBatches(), Interruption(), Agreement()]
    if config.trial is not None:
        callbacks.append(Pruning(trial=config.trial, monitor=_monitored(config)))
    return callbacks


def _monitored(config: FitConfig) -> str:
    if config.keeper is None:
        raise ConfigError("callbacks.checkpoints=null: a pruned sweep needs its monitor")
    return str(config.keeper["monitor"])


def _require_accelerator(name: str) -> None:
    cuda = torch.cuda.is_available()
    if (name == "cuda" and not cuda) or (
        name == "gpu" and not (cuda or torch.backends.mps.is_available())
    ):
        raise ConfigError(
            f"trainer.accelerator={name}: torch sees no such device\n"
            "  check the driver with nvidia-smi, or give trainer.accelerator=auto"
        )


def build_trainer(
    node: Mapping[str, Any], run_dir: Path, callbacks: list[Any], loggers: list[Any]
) -> pl.Trainer:
    """The trainer of a run in `run_dir`, of one process or one of several."""
    _require_accelerator(str(node.get("accelerator", "auto")))
    trainer: pl.Trainer = build(
        "trainer",
        {**node, "precision": precision_of(node)},
        **ddp_kwargs(node, callbacks),
        logger=loggers or False,
        default_root_dir=str(run_dir),
        enable_model_summary=False,
        enable_progress_bar=any(
            isinstance(callback, pl.callbacks.ProgressBar) for callback in callbacks
        ),
        enable_checkpointing=any(
            isinstance(callback, pl.callbacks.Checkpoint) for callback in callbacks
        ),
        use_distributed_sampler=False,
    )
    return trainer
