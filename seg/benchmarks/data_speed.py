"""`task=data`: samples a second of our input pipeline over the textbook's."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader

from seg.benchmarks import input_pipeline
from seg.benchmarks.baseline_pipeline import FLIP_P, JITTER, JITTER_P, SCALE, TextbookSamples
from seg.benchmarks.timing import Timing, interleaved
from seg.data.datasets.camvid import CamVid
from seg.data.datasets.cityscapes import LABEL_IDS, Cityscapes
from seg.data.datasets.streets import Streets
from seg.data.loading.loader import KeyedDataset, SegmentationLoader
from seg.data.loading.resumable_sampler import EpochOrder
from seg.data.readers.image_label_pairs import PairDataset
from seg.data.sample import SegmentationDataset
from seg.data.wrappers.cached import CachedDataset
from seg.data.wrappers.subset import Subset
from seg.io.atomic import scratch_directory

TEXTBOOK, FIRST, LATER = "textbook", "seg, first epoch", "seg, later epochs (cache)"
_BATCH = 8
_LATER_EPOCHS = 8
_PROCESS_EPOCHS = 4


@dataclass(frozen=True)
class Case:
    """Files to train on, and the crop."""

    name: str
    dataset: PairDataset
    crop: tuple[int, int]


def run(
    *, rounds: int, num_workers: int, num_images: int, camvid_root: Path | None
) -> dict[str, dict[str, Timing]]:
    """Time every case.

    Args:
        rounds: timed rounds of each way.
        num_workers: reading processes of each loader; 0: this one.
        num_images: Cityscapes-like images that are rendered; CamVid has 8 times as many.
        camvid_root: None: no such case.

    Returns:
        case -> way -> seconds a sample; the textbook's way comes first.
    """
    with scratch_directory() as scratch:
        cases = [_cityscapes_like(scratch / "cityscapes", num_images)]
        if camvid_root is not None:
            camvid = CamVid(split="train", root=camvid_root)
            few = PairDataset(camvid.pairs[: 8 * num_images], labels=camvid.labels, split="train")
            cases.append(Case("CamVid 480x360, crop 257x321", few, (257, 321)))
        results = {case.name: _time(case, scratch / "cache", rounds, num_workers) for case in cases}
        results["Cityscapes-like, first epoch: reading processes"] = _processes(cases[0], rounds)
        sample = cases[0].dataset[0]
        parts = input_pipeline.run(sample.image, sample.label, cases[0].crop, rounds=rounds)
    return results | {f"one 2048x1024 sample: {part}": timings for part, timings in parts.items()}


def _cityscapes_like(root: Path, num_images: int) -> Case:
    """Write rendered streets with a camera's noise as PNG files in the layout of Cityscapes."""
    scenes = Streets(split="train", size=(1024, 2048), train_length=num_images, cache_mib=0)
    file_id = {train_id: value for value, train_id in reversed(LABEL_IDS.file_ids)}
    table = np.array([file_id.get(value, 0) for value in range(256)], np.uint8)
    images, labels = root / "leftImg8bit/train/streets", root / "gtFine/train/streets"
    for directory in (images, labels):
        directory.mkdir(parents=True)
    for index in range(num_images):
        sample = scenes[index]
        noise = np.random.default_rng(index).normal(0, 2, sample.image.shape)
        noisy = (sample.image + noise).round().clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(images / f"{index}_leftImg8bit.png")
        Image.fromarray(table[sample.label]).save(labels / f"{index}_gtFine_labelIds.png")
    dataset = Cityscapes(split="train", root=root)
    return Case("Cityscapes-like 2048x1024 PNG, crop 769x769", dataset, (769, 769))


def _time(case: Case, cache: Path, rounds: int, num_workers: int) -> dict[str, Timing]:
    cached = CachedDataset(case.dataset, cache)
    for index in range(len(cached)):
        _ = cached[index]
    files = [(Path(pair.image), Path(pair.label)) for pair in case.dataset.pairs]
    textbook: DataLoader[Any] = DataLoader(
        TextbookSamples(files, case.dataset.labels, case.crop),
        batch_size=_BATCH,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        prefetch_factor=4 if num_workers else None,
    )
    ways: Mapping[str, Callable[[], int]] = {
        TEXTBOOK: lambda: _drain(textbook),
        FIRST: _epochs(_ours(case, case.dataset, num_workers), 1),
        LATER: _epochs(_ours(case, cached, num_workers), _LATER_EPOCHS),
    }
    return interleaved(ways, rounds=rounds)


def _ours(
    case: Case, dataset: SegmentationDataset, num_workers: int, *, ahead: int = 4
) -> SegmentationLoader:
    return SegmentationLoader(
        KeyedDataset(dataset, augmentation=street_augmentation(case.crop), seed=0),
        EpochOrder(len(dataset), batch_size=_BATCH, seed=0, shuffle=True, drop_last=False),
        num_workers=num_workers,
        prefetch_factor=ahead,
        pin_memory=False,
        timeout_s=600.0,
    )


def _processes(case: Case, rounds: int) -> dict[str, Timing]:
    """Time numbers of reading processes and of batches read ahead, without a training."""
    again = Subset(case.dataset, list(range(len(case.dataset))) * _PROCESS_EPOCHS)
    loaders = {"none": _ours(case, again, 0)}
    for count, ahead in ((1, 2), (1, 4), (2, 2), (2, 4)):
        loaders[f"{count}, {ahead} batches ahead"] = _ours(case, again, count, ahead=ahead)
    return interleaved({name: _epochs(each, 1) for name, each in loaders.items()}, rounds=rounds)


def street_augmentation(crop: tuple[int, int]) -> Any:
    """Return the augmentation of `conf/augmentation/default.yaml`, with every crop resized."""
    import albumentations

    from seg.data.transforms.color_jitter import LinearColorJitter
    from seg.data.transforms.pipeline import Augmentation
    from seg.data.transforms.random_scale_crop import RandomScaleCrop

    transforms = [
        RandomScaleCrop(SCALE, crop),
        albumentations.HorizontalFlip(p=FLIP_P),
        LinearColorJitter(JITTER, JITTER, JITTER, p=JITTER_P),
    ]
    return Augmentation(transforms, ignore_index=255, crop=crop)


def _epochs(loader: SegmentationLoader, count: int) -> Callable[[], int]:
    return lambda: sum(_drain(loader) for _ in range(count))


def _drain(loader: Iterable[Any]) -> int:
    """Read one epoch; return the number of its samples."""
    return sum(len(batch["label"] if isinstance(batch, dict) else batch[1]) for batch in loader)
