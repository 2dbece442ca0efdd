"""Parts of the training of a segmenter: data, task, trainer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from seg.build.class_weights import with_class_weights
from seg.build.datasets import decoding_of, open_dataset
from seg.build.image_statistics import with_counted_images
from seg.build.instantiate import build, check_targets, partial_build
from seg.build.models import load_teacher, network
from seg.build.trainer import build_trainer_and_batch_norm
from seg.config.plugins import is_foreign
from seg.config.schema import TrainConfig
from seg.data.label_ids import check_label_ids
from seg.data.label_space import LabelSpace
from seg.data.loading.datamodule import DataModule
from seg.data.loading.samplers import SamplingStrategy
from seg.data.sample import SegmentationDataset
from seg.data.statistics import DatasetStatistics, collect, of_outputs
from seg.distillation.extra_loss import ExtraLoss, StudentContext
from seg.errors import ConfigError, DataError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.losses.mask_loss import IGNORED, MaskLoss, takes_classes, takes_masks
from seg.models.batch_norm import BatchNormPolicy
from seg.models.weights import load_weights
from seg.training.callbacks.counted_pixels import CountedPixels
from seg.training.callbacks.silence_warnings import quiet
from seg.training.lightning_base import TrainingTask
from seg.training.segmentation_task import SegmentationTask

_LOSSES = {  # whether classes are exclusive -> options of the group `loss`
    True: ("cross_entropy", "dice", "focal", "jaccard", "lovasz", "tversky"),
    False: ("bce", "bce_dice", "dice", "focal", "jaccard", "lovasz_hinge", "tversky"),
}
_LOW_PRECISIONS = {"bf16-true": torch.bfloat16, "16-true": torch.float16}


@dataclass(frozen=True)
class FitParts:
    """Parts of the training of any network."""

    data: DataModule[Any]
    task: TrainingTask
    trainer: pl.Trainer


@dataclass(frozen=True)
class Parts(FitParts):
    """Parts of the training of a segmenter."""

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
    config = with_counted_images(config, lambda part: open_dataset(part, config.labels, "train"))
    sets = {split: open_dataset(config.dataset, config.labels, split) for split in ("train", "val")}
    _refuse_empty(sets)
    check_label_ids(sets["val"], training=check_label_ids(sets["train"]))
    workers = config.loader.num_workers
    statistics = cache(partial(collect, sets["train"], num_workers=workers))
    config = with_class_weights(config, lambda: of_outputs(statistics(), sets["train"].labels))
    parts = (config.encoder.node(), config.decoder.node())
    model = network(*parts, sets["train"].labels, decoding_of(config.dataset))
    if config.weights is not None:
        load_weights(
            model,
            config.weights,
            strict=config.strict,
            reset_head=config.reset_head,
            moving_average=config.moving_average,
        )
    facts = {"ignore_index": model.labels.ignore_index, "decoding": model.decoding}
    augmentation = build("augmentation", config.augmentation.node(), **facts)
    batch_norm, trainer = build_trainer_and_batch_norm(config, run_dir)
    terms = _terms(config, model)
    if not terms:  # a teacher can be learned from without labels
        trainer.callbacks.append(CountedPixels(model.labels.ignore_index))  # type: ignore[attr-defined]
    task = _task(config, model, batch_norm, terms)
    set_compute_dtype(task, str(trainer.precision))
    data = DataModule(
        train=sets["train"],
        val=sets["val"],
        augmentation=augmentation,
        sampling=_sampling(config, sets["train"], statistics),
        seed=config.seed,
        **config.loader.model_dump(),
    )
    return Parts(data=data, task=task, trainer=trainer)


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


def set_compute_dtype(model: nn.Module, precision: str) -> None:
    """Let each segmenter in it take images for weights of low precision; logits are float32."""
    dtype = _LOW_PRECISIONS.get(precision)
    for module in model.modules() if dtype is not None else ():
        if isinstance(module, TrainedSegmenter):
            module.compute_dtype = dtype


def _terms(config: TrainConfig, model: TrainedSegmenter) -> list[ExtraLoss]:
    for key in ("distillation", "semi_supervised"):
        if model.labels.outputs is not None and getattr(config, key) is not None:
            raise ConfigError(
                f"{key}: learns from a softmax over classes; labels.mode={model.labels.mode} has"
                f" sigmoids\n  leave {key} out, or use labels.mode=exclusive"
            )
    own = [each.target for each in (config.encoder, config.decoder) if is_foreign(each.target)]
    # it may name what the user has named, for the student or for it
    teacher = partial(load_teacher, plugins=[*own, *config.plugins])
    run = StudentContext(student=model, load_teacher=teacher, seed=config.seed)
    chosen = {"distillation": config.distillation, "semi_supervised": config.semi_supervised}
    return [
        partial_build(key, section.node())(run=run)
        for key, section in chosen.items()
        if section is not None
    ]


def build_loss(config: TrainConfig, labels: LabelSpace) -> nn.Module:
    """Build the loss of a configuration for these classes."""
    is_exclusive = labels.members is None
    loss: nn.Module = build(
        "loss",
        config.loss.node(),
        num_classes=labels.num_outputs,
        ignore_index=labels.ignore_index if is_exclusive else IGNORED,
    )
    if not (takes_classes(loss) if is_exclusive else takes_masks(loss)):
        need = "binary, multi_label or labels.regions" if is_exclusive else "exclusive"
        raise ConfigError(
            f"loss: {type(loss).__name__} is none for labels.mode={labels.mode}; it needs"
            f" labels.mode={need}\n  give loss={', '.join(_LOSSES[is_exclusive])}"
        )
    return loss if labels.members is None else MaskLoss(loss, labels.members, labels.ignore_index)


def _task(
    config: TrainConfig,
    model: TrainedSegmenter,
    batch_norm: BatchNormPolicy,
    terms: Sequence[ExtraLoss],
) -> SegmentationTask:
    labels = model.labels
    loss = build_loss(config, labels)
    auxiliary = None
    if config.aux_head is not None:
        auxiliary = build(
            "aux_head",
            config.aux_head.node(),
            encoder=model.encoder,
            num_classes=labels.num_outputs,
        )
    return SegmentationTask(
        model=model,
        loss=loss,
        auxiliary=auxiliary,
        labels=labels,
        choose_thresholds=config.labels.thresholds == "best_dice",
        terms=terms,
        config=config.model_dump(mode="json", by_alias=True),
        optimizer=partial_build("optimizer", config.optimizer.node()),
        scheduler=partial_build("scheduler", config.scheduler.node()),
        parameters=build("param_groups", config.param_groups.node()),
        batch_norm=batch_norm,
        channels_last=config.channels_last,
    )
