"""Configuration -> dataset, with what is done around any dataset."""

import numpy as np

from seg.assemble.building import build
from seg.assemble.decoding import decoding_of
from seg.config.schema import DatasetTarget, Labels
from seg.data.cache import CachedDataset
from seg.data.files.decoding import decoding_images
from seg.data.files.pairs import Lonely, lonely_files_error, tolerating_lonely_files
from seg.data.quarantine import read_quarantine, without_quarantined
from seg.data.relabelled import Relabelled
from seg.data.sample import SegmentationDataset
from seg.data.subset import Subset
from seg.errors import ConfigError


def open_dataset(config: DatasetTarget, labels: Labels, split: str) -> SegmentationDataset:
    """One split, as the configuration wants it.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    dataset, lonely = open_tolerantly(config, split)
    if lonely:
        raise lonely_files_error(lonely, "some files")
    if config.cache is not None:
        dataset = CachedDataset(dataset, config.cache)
    if config.quarantine is not None:
        dataset = without_quarantined(dataset, read_quarantine(config.quarantine))
    if config.fraction < 1:
        dataset = _fraction(dataset, config.fraction, config.fraction_seed)
    if labels != Labels():
        dataset = Relabelled(dataset, dataset.labels.regrouped(**labels.model_dump()))
    return dataset


def open_tolerantly(
    config: DatasetTarget, split: str
) -> tuple[SegmentationDataset, tuple[Lonely, ...]]:
    """One split as its files are, and the files without partners that the quarantine lacks.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    quarantine = None if config.quarantine is None else read_quarantine(config.quarantine)
    with tolerating_lonely_files() as lonely, decoding_images(decoding_of(config)):
        dataset: SegmentationDataset = build("dataset", config.node(), split=split)
    return dataset, tuple(
        each for each in lonely if quarantine is None or not quarantine.covers(each)
    )


def _fraction(dataset: SegmentationDataset, fraction: float, seed: int) -> SegmentationDataset:
    wanted = round(fraction * len(dataset))
    if wanted < 1:
        raise ConfigError(f"dataset.fraction={fraction}: less than one of {len(dataset)} samples")
    order = np.random.default_rng((seed, len(dataset))).permutation(len(dataset))
    return Subset(dataset, sorted(order[:wanted].tolist()))
