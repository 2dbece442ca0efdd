"""Command `python -m seg.prepare detect|verify|stats|preview|shards|download`: before training."""

import logging
import os
import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import PrepareConfig
    from seg.errors import ConfigError, DataError

if TYPE_CHECKING:
    from seg.data.sample import SegmentationDataset

_COLUMNS = 4
IMPLIED = {"detect": "dataset=folder"}
"""Choices that come with a task: `dataset.root` is a key of what is trained on one's own files."""

log = logging.getLogger(__name__)


@app("prepare", PrepareConfig, positional="task", implied=IMPLIED)
def main(config: PrepareConfig, run_dir: Path) -> None:
    """Do one task; results go to `run_dir`, a copy or a download to `output`."""
    from seg.build.instantiate import check_sections
    from seg.training.callbacks.silence_warnings import quiet

    quiet()
    check_sections(config, "dataset")
    tasks: dict[str, Callable[[PrepareConfig, Path], None]] = {
        "detect": _detect,
        "verify": _verify,
        "stats": _stats,
        "preview": _preview,
        "shards": _shards,
        "download": _download,
    }
    if config.task in ("stats", "preview", "shards", "verify"):
        config = _counted(config)
    tasks[config.task](config, run_dir)


def _detect(config: PrepareConfig, run_dir: Path) -> None:
    root = config.dataset.node().get("root")
    if root is None:
        raise ConfigError("dataset.root: missing; give dataset.root=DIRECTORY of any kind")
    from seg.dataset_tools.detect import detect
    from seg.io.atomic import write_json

    detected = detect(Path(root).expanduser())
    write_json(run_dir / "detect.json", {"opens_as": [asdict(each) for each in detected]})
    best, *others = detected
    log.info("%s: %s", best.name, best.description)
    for other in others:
        log.info("opens as %s too: %s", other.name, other.description)
    if best.image_fault:
        log.info("its images need a choice beside: %s", best.image_fault)
    log.info("to check it: python -m seg.prepare verify %s", best.overrides)
    log.info("to train on it: python -m seg.train %s", best.overrides)


def _verify(config: PrepareConfig, run_dir: Path) -> None:
    from seg.build.datasets import open_with_unmatched
    from seg.data.wrappers.excluded import read_quarantine, without_quarantined
    from seg.dataset_tools.detect import naming_other_kinds

    with naming_other_kinds(config.dataset):
        opened = {
            split: open_with_unmatched(config.dataset, split, config.labels)
            for split in config.splits
        }
    from seg.dataset_tools.verify import verify  # after that: these import torch
    from seg.io.terminal_bar import progress_bar

    splits: dict[str, SegmentationDataset] = {
        split: dataset for split, (dataset, _) in opened.items()
    }
    regrouping = config.labels.mapping()
    labels = {split: each.labels.remapped(**regrouping) for split, each in splits.items()}
    if config.dataset.exclude is not None:
        quarantine = read_quarantine(config.dataset.exclude)
        splits = {name: without_quarantined(each, quarantine) for name, each in splits.items()}

    with progress_bar("verifying", sum(map(len, splits.values()))) as on_sample:
        report = verify(
            splits,
            {split: lonely for split, (_, lonely) in opened.items()},
            num_workers=_workers(config),
            on_sample=on_sample,
            near_duplicates=config.near_duplicates,
            labels=labels,
        )
    written = run_dir / "verify.json"
    report.write(written)
    log.info(report.summary(written))
    if report.faults:
        raise DataError(f"{len(report.faults)} faults; each is described in {written}")


def _stats(config: PrepareConfig, run_dir: Path) -> None:
    opened = _open(config)
    from seg.dataset_tools.statistics import describe, draw
    from seg.io.atomic import write_json  # after that: these import torch
    from seg.visualization.grids import save_png

    statistics: dict[str, Any] = {}
    for split, dataset in opened.items():
        statistics[split] = describe(dataset, num_workers=_workers(config))
        save_png(run_dir / f"stats_{split}.png", draw(statistics[split], dataset.labels))
    write_json(run_dir / "stats.json", statistics)
    log.info("statistics: %s, and a plot a split", run_dir / "stats.json")


def _counted(config: PrepareConfig) -> PrepareConfig:
    """Replace `dataset.scaling` by the range that is counted over the training split."""
    from seg.build.datasets import open_dataset, open_with_unmatched

    stats, section = config.task == "stats", config.dataset
    if section.scaling is None and not (stats and section.value_range is None):
        return config
    part = section.uncounted()
    if config.task == "verify":
        train: Any = open_with_unmatched(part, "train")[0]
    else:
        train = open_dataset(part, config.labels, "train")
    from seg.build.image_statistics import counted, scaling_line  # after that: it imports torch
    from seg.data.value_statistics import first_kind

    chosen = section.scaling
    if chosen is None:
        if first_kind(train) in (None, "bool", "uint8"):
            return config
        chosen = "percentiles"
    for scaling in dict.fromkeys((chosen, "percentiles", "mean_std") if stats else (chosen,)):
        part = section.model_copy(update={"scaling": scaling})
        tolerant = config.task == "verify"
        update = counted(part, train, "dataset", num_workers=_workers(config), tolerant=tolerant)
        log.info("dataset.scaling=%s is %s", scaling, scaling_line(update))
        if scaling == chosen:
            section = section.model_copy(update=update)
    return config.model_copy(update={"dataset": section})


def _preview(config: PrepareConfig, run_dir: Path) -> None:
    opened = _open(config)
    from PIL import Image  # after that: some of these import torch

    from seg.build.datasets import decoding_of
    from seg.build.instantiate import build, check_sections
    from seg.dataset_tools.preview import contact_sheet, write_page
    from seg.visualization.grids import save_png

    check_sections(config, "augmentation")
    decoding = decoding_of(config.dataset)
    for split, dataset in opened.items():
        augmentation = None
        if split == "train":  # as in training, the other splits stay as they are
            facts = {"ignore_index": dataset.labels.ignore_index, "decoding": decoding}
            augmentation = build("augmentation", config.augmentation.node(), **facts)
        selection: dict[str, Any] = {"count": config.samples, "seed": config.seed}
        sheet = contact_sheet(dataset, augmentation, columns=_COLUMNS, **selection)
        save_png(run_dir / f"preview_{split}.png", Image.fromarray(sheet))
        write_page(run_dir / f"preview_{split}.html", dataset, augmentation, **selection)
        log.info("preview of %s: %s, and as .png", split, run_dir / f"preview_{split}.html")


def _shards(config: PrepareConfig, run_dir: Path) -> None:
    if config.output is None:
        raise ConfigError(
            "output: missing; give output=DIRECTORY, or an address as s3://BUCKET/DIRECTORY"
        )
    opened = _open(config)
    from seg.build.datasets import decoding_of
    from seg.data.readers.value_range import PLAIN
    from seg.dataset_tools.shards import write_shards  # after that: these import torch
    from seg.io.terminal_bar import progress_bar

    for split, dataset in opened.items():
        with progress_bar(f"copying {split}", len(dataset)) as progress:
            summary = write_shards(
                dataset,
                config.output,
                split=split,
                num_workers=_workers(config),
                chunk_mib=config.chunk_mib,
                progress=progress,
            )
        log.info(
            "%s: %d samples in %d files, %.1f MiB, %s",
            summary.location,
            summary.samples,
            summary.chunks,
            summary.size_bytes / 2**20,
            "there already, unchanged" if summary.reused else "written",
        )
    declared = decoding_of(config.dataset)
    keys = [] if declared == PLAIN else map(shlex.quote, str(declared).split())
    log.info(
        "train on it: %s", " ".join(("dataset=shards", f"dataset.root={config.output}", *keys))
    )


def _download(config: PrepareConfig, run_dir: Path) -> None:
    from seg.data.readers.dataset_root import default_root
    from seg.dataset_tools.download import download

    name = config.dataset.target.split(".")[-2]
    root = config.output or config.dataset.node().get("root") or default_root(name)
    log.info("ready: dataset=%s dataset.root=%s", name, download(name, root))


def _open(config: PrepareConfig) -> "dict[str, SegmentationDataset]":
    from seg.build.datasets import open_dataset
    from seg.dataset_tools.detect import naming_other_kinds

    with naming_other_kinds(config.dataset):
        return {
            split: open_dataset(config.dataset, config.labels, split) for split in config.splits
        }


def _workers(config: PrepareConfig) -> int:
    return (os.cpu_count() or 1) if config.num_workers is None else config.num_workers


if __name__ == "__main__":
    main()
