"""Parts of a run of `seg.pretrain`, from its configuration."""

from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl

from seg.build.datasets import decoding_of, open_image_dataset
from seg.build.image_statistics import with_counted_images
from seg.build.instantiate import build, check_targets, partial_build
from seg.build.models import build_encoder
from seg.build.segmentation import FitParts
from seg.build.trainer import build_trainer_and_batch_norm
from seg.config.schema import PretrainConfig
from seg.data.classification.augmentation import CentreCrops, ImageAugmentation
from seg.data.classification.mixing import ImageDataModule, Mixing
from seg.data.classification.sample import ClassNames, ImageDataset
from seg.errors import ConfigError
from seg.losses.classification import ImageLabelLoss
from seg.models.batch_norm import BatchNormPolicy
from seg.models.classifier import Classifier
from seg.models.weights import load_weights
from seg.training.callbacks.silence_warnings import quiet
from seg.training.classification_task import ClassificationTask


@dataclass(frozen=True)
class ClassificationParts(FitParts):
    """Parts of the training of a classifier."""

    data: ImageDataModule
    task: ClassificationTask


def build_classification(config: PretrainConfig, run_dir: Path) -> ClassificationParts:
    """Build a training run.

    Raises:
        ConfigError, DataError: what is wrong with which key, before anything costly starts.
    """
    quiet()
    check_targets(config)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    config = with_counted_images(config, lambda part: open_image_dataset(part, "train"))
    train, val = (
        open_image_dataset(config.classification_dataset, split) for split in ("train", "val")
    )
    model = _classifier(config, train.labels)
    if config.weights is not None:
        load_weights(
            model,
            config.weights,
            strict=config.strict,
            reset_head=config.reset_head,
            moving_average=config.moving_average,
        )
    batch_norm, trainer = build_trainer_and_batch_norm(config, run_dir)
    return ClassificationParts(
        data=_data(config, train, val),
        task=_task(config, model, train.labels, batch_norm),
        trainer=trainer,
    )


def _classifier(config: PretrainConfig, labels: ClassNames) -> Classifier:
    encoder = build_encoder(
        config.encoder.node(), decoding_of(config.classification_dataset, "classification_dataset")
    )
    model: Classifier = build(
        "head", config.head.node(), encoder=encoder, num_classes=labels.num_classes
    )
    if labels.multi_label and model.outputs == "softmax":
        raise ConfigError(
            "head.outputs=softmax: these images may be of several classes, which softmax "
            "cannot express; give logistic"
        )
    return model


def _data(config: PretrainConfig, train: ImageDataset, val: ImageDataset) -> ImageDataModule:
    augmentation: ImageAugmentation = build(
        "classification_augmentation",
        config.classification_augmentation.node(),
        decoding=decoding_of(config.classification_dataset, "classification_dataset"),
    )
    mixing: Mixing | None = None
    if config.mixup is not None:
        classes = train.labels.num_classes
        mixing = build("mixup", config.mixup.node(), num_classes=classes)
    return ImageDataModule(
        train=train,
        val=CentreCrops(val, size=augmentation.eval_size, centre_share=augmentation.centre_share),
        augmentation=augmentation,
        mixing=mixing,
        seed=config.seed,
        **config.loader.model_dump(),
    )


def _task(
    config: PretrainConfig, model: Classifier, labels: ClassNames, batch_norm: BatchNormPolicy
) -> ClassificationTask:
    return ClassificationTask(
        model=model,
        loss=ImageLabelLoss(model.outputs, smoothing=config.label_smoothing),
        plain_loss=ImageLabelLoss(model.outputs),
        labels=labels,
        config=config.model_dump(mode="json", by_alias=True),
        optimizer=partial_build("optimizer", config.optimizer.node()),
        scheduler=partial_build("scheduler", config.scheduler.node()),
        parameters=build("param_groups", config.param_groups.node()),
        batch_norm=batch_norm,
        channels_last=config.channels_last,
    )
