"""Parts of the training and the evaluation of a segmenter: data, task, trainer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from seg.build.class_weights import with_class_weights
from seg.build.datasets import decoding_of, open_dataset
from seg.build.instantiate import build, check_targets, partial_build
from seg.build.models import load_model, network, restore, training_config
from seg.build.trainer import ONE_PROCESS, build_trainer, build_trainer_and_batch_norm
from seg.config import target_validation
from seg.config.facts import RUNTIME_ARGS
from seg.config.plugins import is_foreign
from seg.config.schema import DatasetChoice, Labels, TrainConfig, validate
from seg.data.label_ids import check_label_ids
from seg.data.loading.datamodule import DataModule
from seg.data.loading.samplers import SamplingStrategy
from seg.data.sample import SegmentationDataset
from seg.data.statistics import DatasetStatistics, collect
from seg.data.transforms.pipeline import Augmentation
from seg.deployment.loading import Export
from seg.distillation.extra_loss import ExtraLoss, StudentContext
from seg.errors import ConfigError, DataError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.batch_norm import BatchNormPolicy
from seg.models.weights import load_weights
from seg.training.callbacks.counted_pixels import CountedPixels
from seg.training.callbacks.silence_warnings import quiet
from seg.training.checkpoint import Checkpoint
from seg.training.lightning_base import TrainingTask
from seg.training.segmentation_task import SegmentationTask

_LOW_PRECISIONS = {"bf16-true": torch.bfloat16, "16-true": torch.float16}


@dataclass(frozen=True)
class FitParts:
    """Parts of the training of any network."""

    data: DataModule[Any]
    task: TrainingTask
    trainer: pl.Trainer


@dataclass(frozen=True)
class Parts(FitParts):
    """Parts of the training or evaluation of a segmenter."""

    data: DataModule[SegmentationDataset]
    task: SegmentationTask


def build_segmentation(config: TrainConfig, run_dir: Path) -> Parts:
    """Build a training run.

    Raises:
        ConfigError, DataError: what is wrong with which key, before anything costly starts.
    """
    quiet()
    check_targets(config)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    sets = {split: open_dataset(config.dataset, config.labels, split) for split in ("train", "val")}
    _refuse_empty(sets)
    check_label_ids(sets["val"], training=check_label_ids(sets["train"]))
    workers = config.loader.num_workers
    statistics = cache(partial(collect, sets["train"], num_workers=workers))
    config = with_class_weights(config, statistics)
    model = network(config.encoder.node(), config.decoder.node(), sets["train"].labels)
    model.decoding = decoding_of(config.dataset)
    if config.weights is not None:
        load_weights(
            model,
            config.weights,
            strict=config.strict,
            reset_head=config.reset_head,
            moving_average=config.moving_average,
        )
    augmentation = build(
        "augmentation", config.augmentation.node(), ignore_index=model.labels.ignore_index
    )
    batch_norm, trainer = build_trainer_and_batch_norm(config, run_dir)
    terms = _terms(config, model)
    if not terms:  # a teacher can be learned from without labels
        trainer.callbacks.append(CountedPixels(model.labels.ignore_index))  # type: ignore[attr-defined]
    task = _task(config, model, batch_norm, terms)
    _set_compute_dtype(task, str(trainer.precision))
    return Parts(
        data=_data(config, sets, augmentation, _sampling(config, sets["train"], statistics)),
        task=task,
        trainer=trainer,
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
) -> Parts:
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
    config = training_config(checkpoint, TrainConfig, "loss", "trainer", "encoder", "decoder", *own)
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
    task = _task(config, restore(checkpoint), None)
    _set_compute_dtype(task, str(built.precision))
    built.precision_plugin.convert_module(task)
    return Parts(data=_data(config, {"val": chosen}, None, None), task=task, trainer=built)


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
    declared = config.dataset.model_dump(include={"value_range", "bands"}, exclude_none=True)
    # a cache is written: where the user says, not a file that others may have made
    own = declared if is_other else {**config.dataset.model_dump(by_alias=True), "cache": None}
    section = validate(DatasetChoice, {"dataset": {**own, **overrides}}).dataset
    target_validation.check(section.node(), "dataset", RUNTIME_ARGS["dataset"])
    chosen = open_dataset(section, config.labels if labels is None else labels, split)
    if chosen.labels.names != checkpoint.labels.names:
        raise ConfigError(
            f"dataset: has other classes than {checkpoint.path}\n"
            f"  dataset:    {len(chosen.labels.names)}: {', '.join(chosen.labels.names)}\n"
            f"  checkpoint: {len(checkpoint.labels.names)}: {', '.join(checkpoint.labels.names)}\n"
            "  choose the data set that the checkpoint was trained for, or fit its classes by"
            " labels.merge and labels.keep"
        )
    return chosen


def _refuse_empty(sets: Mapping[str, SegmentationDataset]) -> None:
    for split, dataset in sets.items():
        if not len(dataset):
            raise DataError(
                f"split {split!r} has no samples; check dataset.root, the split's list of files, "
                "dataset.exclude and dataset.subset_fraction"
            )


def _sampling(
    config: TrainConfig, train: SegmentationDataset, statistics: Callable[[], DatasetStatistics]
) -> SamplingStrategy | None:
    if config.sampler is None:
        return None
    sampling: SamplingStrategy = build(
        "sampler", config.sampler.node(), samples=len(train), statistics=statistics
    )
    return sampling


def _data(
    config: TrainConfig,
    sets: Mapping[str, SegmentationDataset],
    augmentation: Augmentation | None,
    sampling: SamplingStrategy | None,
) -> DataModule[SegmentationDataset]:
    return DataModule(
        train=sets.get("train"),
        val=sets["val"],
        augmentation=augmentation,
        sampling=sampling,
        seed=config.seed,
        **config.loader.model_dump(),
    )


def _set_compute_dtype(task: SegmentationTask, precision: str) -> None:
    """Let each segmenter of a task take images for weights of low precision; logits are float32."""
    dtype = _LOW_PRECISIONS.get(precision)
    for module in task.modules() if dtype is not None else ():
        if isinstance(module, TrainedSegmenter):
            module.compute_dtype = dtype


def _terms(config: TrainConfig, model: TrainedSegmenter) -> list[ExtraLoss]:
    own = [each.target for each in (config.encoder, config.decoder) if is_foreign(each.target)]
    load_teacher = partial(load_model, plugins=own)  # what the user has named for the student
    run = StudentContext(student=model, load_teacher=load_teacher, seed=config.seed)
    chosen = {"distillation": config.distillation, "semi_supervised": config.semi_supervised}
    return [
        partial_build(key, section.node())(run=run)
        for key, section in chosen.items()
        if section is not None
    ]


def _task(
    config: TrainConfig,
    model: TrainedSegmenter,
    batch_norm: BatchNormPolicy | None,
    terms: Sequence[ExtraLoss] = (),
) -> SegmentationTask:
    """Build the task; without a batch norm policy it can only be evaluated."""
    trained = batch_norm is not None
    labels = model.labels
    loss = build(
        "loss", config.loss.node(), num_classes=labels.num_classes, ignore_index=labels.ignore_index
    )
    auxiliary = None
    if trained and config.aux_head is not None:
        auxiliary = build(
            "aux_head",
            config.aux_head.node(),
            encoder=model.encoder,
            num_classes=labels.num_classes,
        )
    optimizer, scheduler = config.optimizer.node(), config.scheduler.node()
    return SegmentationTask(
        model=model,
        loss=loss,
        auxiliary=auxiliary,
        labels=labels,
        terms=terms,
        config=config.model_dump(mode="json", by_alias=True),
        optimizer=partial_build("optimizer", optimizer) if trained else None,
        scheduler=partial_build("scheduler", scheduler) if trained else None,
        parameters=build("param_groups", config.param_groups.node()) if trained else None,
        batch_norm=batch_norm,
        channels_last=config.channels_last,
    )
