"""Parts of the evaluation of a trained network or an export, as its training evaluated it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from seg.build.datasets import DECODED_KEYS, open_dataset
from seg.build.models import open_model, training_config
from seg.build.segmentation import Parts, build_loss, set_compute_dtype
from seg.build.trainer import ONE_PROCESS, build_trainer
from seg.config import target_validation
from seg.config.facts import RUNTIME_ARGS
from seg.config.schema import DatasetChoice, Labels, TrainConfig, validate
from seg.data.label_space import LabelSpace
from seg.data.loading.datamodule import DataModule
from seg.data.sample import SegmentationDataset
from seg.deployment.loading import Export
from seg.errors import ConfigError
from seg.inference.image_model import ImageModel
from seg.training.callbacks.silence_warnings import quiet
from seg.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class EvaluationParts:
    """Parts of the evaluation of a model on the evaluation set of `data`.

    Attributes:
        data: the images with their labels.
        model: in evaluation mode.
        loss: of its training, `loss(logits_BKHW, label_BHW) -> scalar`.
        config: of its training, as plain data.
        trainer: its device, its precision, and the processes that share the images.
        memory_format: of the images.
    """

    data: DataModule[SegmentationDataset]
    model: ImageModel
    loss: nn.Module
    config: dict[str, Any]
    trainer: pl.Trainer
    memory_format: torch.memory_format


def evaluation_of(parts: Parts) -> EvaluationParts:
    """Set a task to evaluation mode; return the parts of an evaluation of its network."""
    task = parts.task
    task.eval()
    return EvaluationParts(
        parts.data, task.model, task.loss, task.config, parts.trainer, task.memory_format
    )


def build_evaluation(
    checkpoint: Checkpoint | Export,
    *,
    dataset: Mapping[str, Any],
    labels: Labels | None,
    split: str,
    batch_size: int | None,
    num_workers: int | None,
    run_dir: Path,
    device: str,
) -> EvaluationParts:
    """Build the evaluation of a checkpoint, just as its training evaluated it.

    Args:
        checkpoint: the model and the configuration that made it.
        dataset: a dataset section; without `_target_` its values are laid over the
            checkpoint's own.
        labels: what becomes of its classes; None: the same as in training.
        split: what to evaluate; it becomes the data module's evaluation set.
        batch_size: of the loader; None: as in training.
        num_workers: of the loader; None: as in training.
        run_dir: where the trainer may write.
        device: `cpu` or `cuda`.

    Raises:
        ConfigError, DataError: wrong dataset, other classes than the checkpoint's, damaged
            checkpoint.
    """
    quiet()
    own = () if "_target_" in dataset else ("dataset",)
    network = ("encoder", "decoder") if isinstance(checkpoint, Checkpoint) else ()
    config = training_config(checkpoint, TrainConfig, "loss", "trainer", *network, *own)
    chosen = checkpoint_dataset(checkpoint, dataset=dataset, labels=labels, split=split)
    loader = {"eval_batch_size": batch_size, "num_workers": num_workers}
    loader = {key: value for key, value in loader.items() if value is not None}
    config = config.model_copy(update={"loader": config.loader.model_copy(update=loader)})
    trainer = {
        **config.trainer.node(),
        "accelerator": {"cuda": "gpu"}.get(device, device),
        **ONE_PROCESS,
    }
    built = build_trainer(trainer, run_dir, [], [])
    memory_format = torch.channels_last if config.channels_last else torch.contiguous_format
    model = open_model(checkpoint).to(memory_format=memory_format)
    if labels is not None and labels.thresholds is not None:
        model.labels = _with_typed_thresholds(model.labels, chosen.labels, labels)
    loss = build_loss(config, model.labels).eval()
    set_compute_dtype(model, str(built.precision))
    for module in (model, loss):
        built.precision_plugin.convert_module(module)
    data = DataModule(val=chosen, seed=config.seed, **config.loader.model_dump())
    plain = config.model_dump(mode="json", by_alias=True)
    return EvaluationParts(data, model, loss, plain, built, memory_format)


def checkpoint_dataset(
    checkpoint: Checkpoint | Export,
    *,
    dataset: Mapping[str, Any],
    labels: Labels | None,
    split: str,
) -> SegmentationDataset:
    """Open the dataset that a checkpoint was trained on, or another of the same classes.

    Arguments and errors are those of `build_evaluation`.
    """
    overrides = {key: value for key, value in dataset.items() if value is not None}
    is_other = "_target_" in overrides
    config = training_config(checkpoint, TrainConfig, *(() if is_other else ("dataset",)))
    # the network takes images as it was trained on them
    declared = config.dataset.model_dump(include=set(DECODED_KEYS), exclude_none=True)
    # a cache is written: where the user says, not a file that others may have made
    own = declared if is_other else {**config.dataset.model_dump(by_alias=True), "cache": None}
    section = validate(DatasetChoice, {"dataset": {**own, **overrides}}).dataset
    target_validation.check(section.node(), "dataset", RUNTIME_ARGS["dataset"])
    if labels is None:
        labels = config.labels
    elif labels.mode is None and not labels.regions:  # the network's outputs stay
        kept = {key: getattr(config.labels, key) for key in ("mode", "regions", "region_order")}
        labels = labels.model_copy(update=kept)
    chosen = open_dataset(section, labels, split)
    if chosen.labels.names != checkpoint.labels.names:
        raise ConfigError(
            f"dataset: has other classes than {checkpoint.path}\n"
            f"  dataset:    {len(chosen.labels.names)}: {', '.join(chosen.labels.names)}\n"
            f"  checkpoint: {len(checkpoint.labels.names)}: {', '.join(checkpoint.labels.names)}\n"
            "  choose the data set that the checkpoint was trained for, or fit its classes by"
            " labels.merge and labels.keep"
        )
    if not chosen.labels.is_compatible(checkpoint.labels):
        raise ConfigError(
            f"labels: the network of {checkpoint.path} was trained with"
            f" labels.mode={checkpoint.labels.mode}, outputs"
            f" {', '.join(checkpoint.labels.output_names)}\n"
            f"  the dataset is labels.mode={chosen.labels.mode}; leave labels.mode and"
            " labels.regions out"
        )
    return chosen


def _with_typed_thresholds(own: LabelSpace, typed: LabelSpace, labels: Labels) -> LabelSpace:
    """Return the network's classes with thresholds that a user has typed.

    Raises:
        ConfigError: they would be chosen on the split that is evaluated.
    """
    if labels.thresholds == "best_dice":
        raise ConfigError(
            "labels.thresholds=best_dice: chosen in training, on the validation split; the"
            " checkpoint has them\n  leave it out here, or give numbers"
        )
    return replace(own, outputs=typed.outputs)
