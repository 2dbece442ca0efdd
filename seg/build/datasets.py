"""Datasets from a configuration, with the wrappers that it asks for."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seg.build.instantiate import build, check_sections
from seg.build.outputs import with_outputs
from seg.config.allowed_targets import locate
from seg.config.conf_dir import option_files
from seg.config.images_target import ImagesTarget
from seg.config.options import read_option
from seg.config.schema import (
    DatasetChoice,
    DatasetTarget,
    FitConfig,
    Labels,
    PretrainConfig,
    TrainConfig,
    validate,
)
from seg.data.readers.image_label_pairs import PairDataset, UnmatchedFile, unmatched_error
from seg.data.readers.urls import is_remote
from seg.data.readers.value_range import ImageDecoding
from seg.data.sample import SegmentationDataset
from seg.data.wrappers.cached import CachedDataset
from seg.data.wrappers.excluded import read_quarantine, without_quarantined
from seg.data.wrappers.remapped import RelabelledDataset, RemappedDataset
from seg.data.wrappers.subset import Subset
from seg.errors import ConfigError, DataError
from seg.io.yaml_file import read_yaml

DECODED_KEYS = tuple(each.name for each in fields(ImageDecoding) if each.name != "section")
"""Keys of a dataset section that say what is declared of its image files."""

_ahead: dict[str, Any] = {}


def open_ahead(config: FitConfig) -> None:
    """Open the splits of a training before torch is imported, so that a wrong root costs no wait.

    The training takes them over. One that goes on may be finished, and need no data: it opens
    its own.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    if config.resume is not None:
        return
    for split in ("train", "val"):
        if isinstance(config, TrainConfig):
            check_sections(config, "dataset")
            part = config.dataset.uncounted() if config.dataset.scaling else config.dataset
            dataset: Any = open_dataset(part, config.labels, split)
            _ahead[_key(part, config.labels, split)] = dataset
        elif isinstance(config, PretrainConfig):
            check_sections(config, "classification_dataset")
            images = config.classification_dataset
            images = images.uncounted() if images.scaling else images
            dataset = open_image_dataset(images, split)
            _ahead[_key(images, None, split)] = dataset


def _key(section: ImagesTarget, labels: Labels | None, split: str) -> str:
    return repr((section, labels, split))


def refuse_wrong_root(dataset: Mapping[str, Any]) -> None:
    """Refuse a typed `dataset.root` that is not there before a checkpoint is opened.

    Raises:
        DataError: there is no such directory.
    """
    root = dataset.get("root")
    if root is not None and not is_remote(root) and not Path(root).expanduser().is_dir():
        raise DataError(f"dataset.root={root}: no such directory", fault="missing")


def refuse_missing_root(checkpoint: Path, dataset: Mapping[str, Any]) -> None:
    """Refuse a recorded `dataset.root` that is gone before torch is imported, as far as that goes.

    The record lies beside the checkpoints of a run; a checkpoint elsewhere is opened for it later.

    Args:
        checkpoint: the directory of a run, or a file in its `checkpoints`.
        dataset: what is typed, which comes first.

    Raises:
        DataError: there is no such directory.
    """
    if any(dataset.get(key) is not None for key in ("root", "_target_")):
        return
    record = (checkpoint if checkpoint.is_dir() else checkpoint.parent.parent) / "config.yaml"
    try:
        refuse_wrong_root({"root": read_yaml(record, "configuration")["dataset"]["root"]})
    except DataError as error:
        if error.fault == "missing" and record.is_file():
            raise DataError(
                f"{error}\n  {checkpoint} was trained on it; give dataset.root=DIRECTORY",
                fault="missing",
            ) from None
    except (KeyError, TypeError):
        return  # names no directory


def decoding_of(config: ImagesTarget, section: str = "dataset") -> ImageDecoding:
    """Return how a dataset section declares its image files.

    Args:
        config: without `scaling`, which a training replaces by what it counts.
        section: its key, for messages.

    Raises:
        ConfigError: `scaling` is left.
    """
    if config.scaling is not None:
        raise ConfigError(
            f"{section}.scaling={config.scaling}: counted at the start of a training alone\n"
            f"  python -m seg.prepare stats with the same dataset prints {section}.value_range"
        )
    return ImageDecoding(**{key: getattr(config, key) for key in DECODED_KEYS}, section=section)


def list_datasets() -> list[str]:
    """Return the names that `create_dataset` takes, those of plugins included, sorted.

    >>> import seg
    >>> "cityscapes" in seg.list_datasets()
    True
    """
    return [file.stem for file in option_files("dataset")]


def create_dataset(
    name: str, *, split: Literal["train", "val", "test"] = "train", **options: Any
) -> SegmentationDataset:
    """Open one split of a dataset, as `dataset=NAME` does in a training.

    >>> import seg
    >>> dataset = seg.create_dataset("streets", split="val", size=[64, 128], val_length=3)
    >>> sample = dataset[0]
    >>> len(dataset), sample.image.shape, sample.label.shape, dataset.labels.names[0]
    (3, (64, 128, 3), (64, 128), 'road')

    Args:
        name: one of `list_datasets()`.
        split: which part.
        **options: keys of the dataset, such as `root`.

    Returns:
        samples with `.image` (uint8, H x W x 3), `.label` (uint8, H x W) and `.name`; `.labels` is
        their `LabelSpace`.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    plain = {key: str(v) if isinstance(v, Path) else v for key, v in options.items()}
    config = validate(DatasetChoice, {"dataset": {**read_option("dataset", name), **plain}})
    check_sections(config, "dataset")
    return open_dataset(config.dataset, Labels(), split)


def open_image_dataset(config: ImagesTarget, split: str) -> Any:
    """Open one split of labelled images for a classifier.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    opened = _ahead.pop(_key(config, None, split), None)
    if opened is not None:
        return opened
    dataset = build("classification_dataset", config.node(), split=split)
    return _declared(dataset, decoding_of(config, "classification_dataset"))


def open_dataset(config: DatasetTarget, labels: Labels, split: str) -> SegmentationDataset:
    """Open one split with its cache, exclusions, subset and remapped classes.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    opened: SegmentationDataset | None = _ahead.pop(_key(config, labels, split), None)
    if opened is not None:
        return opened
    dataset, unmatched = open_with_unmatched(config, split, labels)
    if unmatched:
        raise unmatched_error(unmatched, "some files")
    if config.cache is not None:
        dataset = CachedDataset(dataset, config.cache)
    if config.exclude is not None:
        dataset = without_quarantined(dataset, read_quarantine(config.exclude))
    if config.subset_fraction < 1:
        dataset = _random_subset(dataset, config.subset_fraction, config.subset_seed)
    if labels.mapping() != Labels().mapping():
        dataset = RemappedDataset(dataset, dataset.labels.remapped(**labels.mapping()))
    space = with_outputs(dataset.labels, labels)
    return dataset if space == dataset.labels else RelabelledDataset(dataset, space)


def open_with_unmatched(
    config: DatasetTarget, split: str, labels: Labels | None = None
) -> tuple[SegmentationDataset, tuple[UnmatchedFile, ...]]:
    """Open one split as its files are; return also the unmatched files that are not excluded.

    Args:
        config: of the dataset.
        split: which one.
        labels: whose mode says whether shapes that overlap stay so, where a dataset draws them.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    quarantine = None if config.exclude is None else read_quarantine(config.exclude)
    node = config.node()
    target = locate(node["_target_"], "dataset")
    if isinstance(target, type) and issubclass(target, PairDataset):
        node["_target_"] += ".tolerant"
        if labels is not None and labels.mode == "multi_label" and target.can_overlap:
            node["multi_label"] = True
    dataset: SegmentationDataset = _declared(
        build("dataset", node, split=split), decoding_of(config)
    )
    unmatched: tuple[UnmatchedFile, ...] = getattr(dataset, "unmatched", ())
    return dataset, tuple(
        each for each in unmatched if quarantine is None or not quarantine.covers(each)
    )


def _declared(dataset: Any, decoding: ImageDecoding) -> Any:
    """Declare how a dataset reads its image files, if it reads any."""
    if hasattr(dataset, "decoding"):
        dataset.decoding = decoding
    return dataset


def _random_subset(dataset: SegmentationDataset, fraction: float, seed: int) -> SegmentationDataset:
    count = round(fraction * len(dataset))
    if count < 1:
        raise ConfigError(
            f"dataset.subset_fraction={fraction}: less than one of {len(dataset)} samples"
        )
    order = np.random.default_rng((seed, len(dataset))).permutation(len(dataset))
    return Subset(dataset, sorted(order[:count].tolist()))
