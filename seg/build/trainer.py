"""Trainer of any network, of one process or several, with its callbacks and loggers."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.strategies import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from seg.build.instantiate import build
from seg.build.precision import precision_of
from seg.config.schema import FitConfig, TrainerTarget
from seg.errors import ConfigError
from seg.models.batch_norm import BatchNormPolicy
from seg.training.callbacks.batch_history import LastBatches
from seg.training.callbacks.batch_norm_recalibration import Recalibration
from seg.training.callbacks.ddp_consistency import Agreement, MeanStatistics
from seg.training.callbacks.lr_rollback import LearningRateScale
from seg.training.callbacks.pruning import Pruning
from seg.training.callbacks.rng_state import RandomState
from seg.training.callbacks.signal_checkpoint import Interruption
from seg.training.checkpoint_io import AtomicCheckpointIO
from seg.training.loggers.async_logger import BackgroundLogger
from seg.training.loggers.csv_logger import Curve

ONE_PROCESS = {"devices": 1, "num_nodes": 1, "strategy": "auto"}


def build_trainer_and_batch_norm(
    config: FitConfig, run_dir: Path
) -> tuple[BatchNormPolicy, pl.Trainer]:
    """Build the trainer and the batch norm policy of a run; seed torch by the rank."""
    batch_norm: BatchNormPolicy = build(
        "batch_norm", config.batch_norm.node(), batch_size=config.loader.batch_size
    )
    trainer = build_trainer(
        config.trainer.node(),
        run_dir,
        _callbacks(config, batch_norm),
        [_logger(name, node.node(), run_dir) for name, node in config.logger.items() if node],
    )
    if trainer.global_rank:  # each process drops units of its own
        torch.manual_seed(config.seed + trainer.global_rank)
    return batch_norm, trainer


def _callbacks(config: FitConfig, batch_norm: BatchNormPolicy) -> list[Any]:
    """Build the callbacks that the configuration names, and those that every run needs."""
    callbacks = [
        build(f"callbacks.{name}", node.node()) for name, node in config.callbacks.items() if node
    ]
    if batch_norm.recalibrate:  # after what else changes weights at the end
        callbacks.append(Recalibration(batches=batch_norm.recalibrate))
    callbacks += [RandomState(), LearningRateScale(), LastBatches(), Interruption(), Agreement()]
    if config.trial is not None:
        if config.keeper is None:
            raise ConfigError("callbacks.checkpoints=null: a pruned sweep needs its monitor")
        callbacks.append(Pruning(trial=config.trial, monitor=str(config.keeper["monitor"])))
    return callbacks


def _logger(name: str, node: dict[str, Any], run_dir: Path) -> Logger:
    """Build a logger; one that talks to a server does so in the background."""
    try:
        logger: Logger = build(f"logger.{name}", node, save_dir=str(run_dir))
    except InstantiationException as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise ConfigError(
                f"logger.{name}: {error.__cause__}\n"
                f"  pip install 'seg-xception[{name}]', or choose another logger"
            ) from None
        raise
    local = isinstance(logger, Curve | TensorBoardLogger)
    return logger if local else BackgroundLogger(logger, name=name)


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
    """Build the trainer of a run in `run_dir`, of one process or one of several."""
    _require_accelerator(str(node.get("accelerator", "auto")))
    trainer: pl.Trainer = build(
        "trainer",
        {**node, "precision": precision_of(node)},
        **_process_kwargs(node, callbacks),
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


def _process_kwargs(node: Mapping[str, Any], callbacks: list[Any]) -> dict[str, Any]:
    """Return the arguments of the trainer that follow from how many processes there are.

    Gradients are averaged over processes; buffers stay their own (`MeanStatistics` joins the
    network's, and the metrics' must differ). Processes are those that `engine.distributed` has
    started.
    """
    trainer = TrainerTarget.model_validate(dict(node))
    if trainer.processes == 1:
        return {"callbacks": callbacks, "plugins": [AtomicCheckpointIO()]}
    new = "forward_sync_buffers"  # torch 2.14; older ones know the other name alone
    known = inspect.signature(DistributedDataParallel).parameters
    own_buffers: dict[str, Any] = {new if new in known else "broadcast_buffers": False}
    strategy = DDPStrategy(
        **own_buffers,
        find_unused_parameters="unused_parameters_true" in node.get("strategy", "auto"),
        gradient_as_bucket_view=True,
    )
    return {
        "callbacks": [MeanStatistics(), *callbacks],  # before those that look at the network
        "plugins": [AtomicCheckpointIO(), TorchElasticEnvironment()],
        "strategy": strategy,
        "devices": trainer.devices_a_node,
    }
