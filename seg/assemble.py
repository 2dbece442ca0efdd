"""Configuration -> data, task, trainer: the composition root, the only caller of `instantiate`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from seg.callbacks.quiet import quiet
from seg.checkpoint import AtomicCheckpointIO, Checkpoint, read_checkpoint
from seg.config import targets
from seg.config.schema import TrainConfig, validate
from seg.data.augmentation import Augmentation
from seg.data.datamodule import DataModule
from seg.data.labels import LabelSpace
from seg.data.sample import IMAGE_CHANNELS, SegmentationDataset
from seg.errors import ConfigError, DataError, UserError
from seg.inference.trained import TrainedSegmenter
from seg.models.weights import load_weights
from seg.task import SegmentationTask

# What the code knows and a configuration therefore does not say.
_FACTS: dict[str, tuple[str, ...]] = {
    "dataset": ("split",),
    "augmentation": ("ignore_index",),
    "encoder": ("in_channels",),
    "decoder": ("encoder", "num_classes"),
    "loss": ("num_classes", "ignore_index"),
    "optimizer": ("params",),
    "scheduler": ("optimizer", "total_steps"),
    "trainer": ("callbacks", "logger", "default_root_dir", "plugins"),
}
_LOGGER_FACTS = ("save_dir",)


@dataclass(frozen=True)
class Parts:
    """Everything a command needs."""

    data: DataModule
    task: SegmentationTask
    trainer: pl.Trainer


def assemble(config: TrainConfig, run_dir: Path) -> Parts:
    """Build a training run.

    Raises:
        ConfigError, DataError: what is wrong with which key, before anything costly starts.
    """
    quiet()
    check_targets(config)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    sets = {
        split: _build("dataset", config.dataset.node(), split=split) for split in ("train", "val")
    }
    model = _model(config.encoder.node(), config.decoder.node(), sets["train"].labels)
    if config.weights is not None:
        load_weights(model, config.weights, partial=config.partial, reset_head=config.reset_head)
    augmentation = _build(
        "augmentation", config.augmentation.node(), ignore_index=model.labels.ignore_index
    )
    callbacks = [
        _build(f"callbacks.{name}", node.node()) for name, node in config.callbacks.items() if node
    ]
    loggers = [
        _build(f"logger.{name}", node.node(), save_dir=str(run_dir))
        for name, node in config.logger.items()
        if node
    ]
    return Parts(
        data=_data(config, sets, augmentation),
        task=_task(config, model, trained=True),
        trainer=_trainer(config.trainer.node(), run_dir, callbacks, loggers),
    )


def assemble_evaluation(
    checkpoint: Checkpoint,
    *,
    dataset: Mapping[str, Any],
    split: str,
    batch_size: int | None,
    num_workers: int | None,
    run_dir: Path,
    device: str,
) -> Parts:
    """Build the evaluation of a checkpoint, just as its training evaluated it.

    Args:
        checkpoint: the model and the configuration that made it.
        dataset: a dataset section; without `_target_` its values are laid over the
            checkpoint's own.
        split: what to evaluate; it becomes the data module's evaluation set.
        batch_size, num_workers: of the loader; None: as in training.
        run_dir: where the trainer may write.
        device: `cpu` or `cuda`.

    Raises:
        ConfigError, DataError: wrong data set, other classes than the checkpoint's, damaged
            checkpoint.
    """
    quiet()
    config = _training_config(checkpoint)
    given = {key: value for key, value in dataset.items() if value is not None}
    node = given if "_target_" in given else {**config.dataset.node(), **given}
    targets.check(node, "dataset", _FACTS["dataset"])
    chosen: SegmentationDataset = _build("dataset", node, split=split)
    if chosen.labels.names != checkpoint.labels.names:
        raise ConfigError(
            f"dataset: has other classes than {checkpoint.path}\n"
            f"  dataset:    {len(chosen.labels.names)}: {', '.join(chosen.labels.names)}\n"
            f"  checkpoint: {len(checkpoint.labels.names)}: {', '.join(checkpoint.labels.names)}\n"
            "  choose the data set that the checkpoint was trained for"
        )
    wanted = {"eval_batch_size": batch_size, "num_workers": num_workers}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    config = config.model_copy(update={"loader": config.loader.model_copy(update=wanted)})
    trainer = {
        **config.trainer.node(),
        "accelerator": {"cuda": "gpu"}.get(device, device),
        "devices": 1,
    }
    return Parts(
        data=_data(config, {"val": chosen}, None),
        task=_task(config, restore(checkpoint), trained=False),
        trainer=_trainer(trainer, run_dir, [], []),
    )


def load_model(checkpoint: str | Path) -> TrainedSegmenter:
    """A trained network in evaluation mode, on the CPU.

    Args:
        checkpoint: a checkpoint file or a run directory.

    Returns:
        normalised B x C x H x W -> logits B x K x H x W, with `.classes`, `.palette`,
        `.normalization` and `.predict`.

    Raises:
        DataError: the file is missing, damaged or foreign.
    """
    return restore(read_checkpoint(Path(checkpoint)))


def restore(checkpoint: Checkpoint) -> TrainedSegmenter:
    """The network of a checkpoint, with its weights, in evaluation mode."""
    config = _training_config(checkpoint)
    # The weights lie in the checkpoint: what the encoder started from is no longer needed.
    model = _model(
        {**config.encoder.node(), "weights": None}, config.decoder.node(), checkpoint.labels
    )
    try:
        model.load_state_dict(checkpoint.model_state)
    except RuntimeError as error:
        detail = "\n".join(str(error).splitlines()[:4])
        raise DataError(
            f"{checkpoint.path}: its tensors do not fit its own configuration\n{detail}"
        ) from None
    if checkpoint.normalization is not None:
        encoder: Any = model.encoder
        encoder.normalization = checkpoint.normalization
    return model.eval()


def _training_config(checkpoint: Checkpoint) -> TrainConfig:
    """The configuration that made a checkpoint, held against today's schema and signatures."""
    try:
        config = validate(TrainConfig, checkpoint.config)
        check_targets(config)
    except ConfigError as error:
        raise DataError(
            f"{checkpoint.path}: its configuration does not fit this version:\n{error}"
        ) from None
    return config


def check_targets(config: TrainConfig) -> None:
    """Hold every `_target_` of a configuration against the allow-list and its signature.

    Raises:
        ConfigError: what is wrong with which key.
    """
    for key, given in _FACTS.items():
        targets.check(getattr(config, key).node(), key, given)
    for group, given in (("callbacks", ()), ("logger", _LOGGER_FACTS)):
        for name, node in getattr(config, group).items():
            if node:
                targets.check(node.node(), f"{group}.{name}", given)


def _build(key: str, node: Mapping[str, Any], **facts: Any) -> Any:
    """Instantiate a node; what its constructor refuses becomes an error under the node's key."""
    with _refusals(key):
        return instantiate(dict(node), _convert_="all", **facts)


def _later(key: str, node: Mapping[str, Any]) -> Callable[..., Any]:
    """The same for a node that is called once training knows its arguments."""
    partial = _build(key, node)

    def build(*arguments: Any, **facts: Any) -> Any:
        with _refusals(key):
            return partial(*arguments, **facts)

    return build


@contextmanager
def _refusals(key: str) -> Iterator[None]:
    try:
        yield
    except (InstantiationException, MisconfigurationException, RuntimeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        if isinstance(cause, UserError):
            raise cause from None
        if isinstance(cause, ValueError | TypeError | RuntimeError | MisconfigurationException):
            raise ConfigError(f"{key}: {cause}") from cause
        raise


def _model(
    encoder: Mapping[str, Any], decoder: Mapping[str, Any], labels: LabelSpace
) -> TrainedSegmenter:
    built: nn.Module = _build("encoder", encoder, in_channels=IMAGE_CHANNELS)
    return TrainedSegmenter(
        built, _build("decoder", decoder, encoder=built, num_classes=labels.num_classes), labels
    )


def _data(
    config: TrainConfig, sets: Mapping[str, SegmentationDataset], augmentation: Augmentation | None
) -> DataModule:
    return DataModule(
        train=sets.get("train"),
        val=sets["val"],
        augmentation=augmentation,
        seed=config.seed,
        **config.loader.model_dump(),
    )


def _task(config: TrainConfig, model: TrainedSegmenter, *, trained: bool) -> SegmentationTask:
    labels = model.labels
    loss = _build(
        "loss", config.loss.node(), num_classes=labels.num_classes, ignore_index=labels.ignore_index
    )
    optimizer, scheduler = config.optimizer.node(), config.scheduler.node()
    return SegmentationTask(
        model=model,
        loss=loss,
        labels=labels,
        config=config.model_dump(mode="json", by_alias=True),
        optimizer=_later("optimizer", optimizer) if trained else None,
        scheduler=_later("scheduler", scheduler) if trained else None,
        weight_decay=optimizer.get("weight_decay", 0.0),
        channels_last=config.channels_last,
    )


def _trainer(
    node: Mapping[str, Any], run_dir: Path, callbacks: list[Any], loggers: list[Any]
) -> pl.Trainer:
    trainer: pl.Trainer = _build(
        "trainer",
        node,
        callbacks=callbacks,
        logger=loggers or False,
        default_root_dir=str(run_dir),
        plugins=[AtomicCheckpointIO()],
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
