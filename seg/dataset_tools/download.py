"""Download of datasets whose licence allows it; for others, how to obtain them."""

import logging
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from seg.dataset_tools.archives import Limits, unpack
from seg.dataset_tools.atomic_directory import atomic_directory
from seg.errors import ConfigError, DataError
from seg.io.atomic import write_json
from seg.io.json_file import read_json
from seg.models.weights.download import fetch

NOTE_FILE = ".download.json"
"""In a directory that was unpacked completely: dataset and SHA-256 of its archives."""

_LOG = logging.getLogger(__name__)
_MODULE = re.compile(r"[a-z][a-z0-9_]*")
_GROWTH = 3  # images are packed already; labels and lists shrink more


@dataclass(frozen=True)
class Archive:
    """A file of a dataset's publisher; its directory `inner` becomes the root of the dataset."""

    url: str
    size_bytes: int
    sha256: str
    inner: str = ""


@dataclass(frozen=True)
class Download:
    """The archives of a dataset and the publisher's terms of use."""

    archives: tuple[Archive, ...]
    terms: str


_OXFORD = "https://thor.robots.ox.ac.uk"

# Sizes and digests as TensorFlow Datasets records them (url_checksums/voc.txt and ade20k.txt,
# datasets/oxford_iiit_pet/checksums.tsv); the one of VOC there is of a mirror's copy.
DOWNLOADS = {
    "pascal_voc": Download(
        archives=(
            Archive(
                url="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                size_bytes=1_999_639_040,
                sha256="e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
                inner="VOCdevkit/VOC2012",
            ),
        ),
        terms="images from Flickr, under Flickr's terms of use",
    ),
    "ade20k": Download(
        archives=(
            Archive(
                url="http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",
                size_bytes=967_382_037,
                sha256="7ff1be44964418441f542a7cc1e1a650e7dc0fc275f5d23252bc9bbdbc977b29",
                inner="ADEChallengeData2016",
            ),
        ),
        terms="annotations BSD-3-Clause; images for research and education, not for commerce",
    ),
    "oxford_pet": Download(
        archives=(
            Archive(
                url=f"{_OXFORD}/~vgg/data/pets/images.tar.gz",
                size_bytes=791_918_971,
                sha256="67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
            ),
            Archive(
                url=f"{_OXFORD}/~vgg/data/pets/annotations.tar.gz",
                size_bytes=19_173_078,
                sha256="52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
            ),
        ),
        terms="CC BY-SA 4.0",
    ),
}
"""By the name of the dataset's module in `seg.data.datasets`."""


def download(dataset: str, root: str | Path) -> Path:
    """Fetch and unpack a dataset, so that `dataset.root=ROOT` reads it.

    Fetched archives stay in `.NAME.downloads` beside the root until all are unpacked, so that an
    interrupted call goes on from there. The root appears when it is complete.

    Args:
        dataset: name of its module in `seg.data.datasets`, as `pascal_voc`.
        root: a directory that does not exist, is empty, or was filled by this function before.

    Returns:
        the root.

    Raises:
        ConfigError: this dataset is not for download (with how to obtain it), or `root` contains
            something else.
        DataError: a file cannot be fetched, has another digest or is refused, or the disk is full.
    """
    chosen = DOWNLOADS.get(dataset)
    if chosen is None:
        raise _not_for_download(dataset)
    directory = Path(root).expanduser().absolute()
    note = {"dataset": dataset, "archives": [archive.sha256 for archive in chosen.archives]}
    with suppress(DataError):  # there is no note: it was not filled
        if read_json(directory / NOTE_FILE, "note") == note:
            _LOG.info("%s: was fetched before", directory)
            return directory
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise ConfigError(
            f"{directory}: exists and was not filled by a download of {dataset}\n"
            "  give another directory, or remove this one"
        )
    downloads = directory.with_name(f".{directory.name}.downloads")
    _check_room(directory, downloads, chosen)
    _LOG.info("%s: %s", dataset, chosen.terms)
    paths = [fetch(archive.url, archive.sha256, directory=downloads) for archive in chosen.archives]
    with atomic_directory(directory) as staged:
        for path, archive in zip(paths, chosen.archives, strict=True):
            limits = Limits(total_bytes=_GROWTH * archive.size_bytes)
            count = unpack(path, staged, limits=limits, inner=archive.inner)
            _LOG.info("%s: %d files", path.name, count)
        write_json(staged / NOTE_FILE, note)
    shutil.rmtree(downloads, ignore_errors=True)
    return directory


def how_to_get(dataset: str) -> str | None:
    """Return where a dataset comes from, as its module states; None if it does not.

    Raises:
        ConfigError: there is no such dataset.
    """
    module: Any = None
    if _MODULE.fullmatch(dataset):
        try:
            module = import_module(f"seg.data.datasets.{dataset}")
        except ModuleNotFoundError as error:
            if error.name != f"seg.data.datasets.{dataset}":
                raise
    if module is None:
        raise ConfigError(f"no dataset {dataset!r}; for download: {', '.join(DOWNLOADS)}")
    known = getattr(module, "HOW_TO_GET", None) or getattr(module, "_HOW_TO_GET", None)
    return None if known is None else str(known)


def _not_for_download(dataset: str) -> ConfigError:
    known = how_to_get(dataset)
    if known is None:
        return ConfigError(
            f"dataset {dataset!r} is not one that somebody publishes: there is nothing to fetch\n"
            f"  for download: {', '.join(DOWNLOADS)}"
        )
    return ConfigError(
        f"dataset {dataset!r} is not for download here\n"
        f"  to get it: {known}\n"
        f"  for download: {', '.join(DOWNLOADS)}"
    )


def _check_room(directory: Path, downloads: Path, chosen: Download) -> None:
    """Refuse a disk without room for the rest of the archives and the files."""
    there = next(parent for parent in directory.parents if parent.is_dir())
    fetched = sum(path.stat().st_size for path in downloads.glob("*")) if downloads.is_dir() else 0
    size = sum(archive.size_bytes for archive in chosen.archives)
    needed, free = 2 * size - fetched, shutil.disk_usage(there).free
    if needed > free:
        raise DataError(
            f"{directory}: needs {needed / 2**30:.1f} GiB, archives and files;"
            f" {free / 2**30:.1f} GiB are free\n  make room, or give a directory on another disk",
            fault="no_room",
        )
