"""Detection of the dataset in a directory: every kind is tried, those that open it are named."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from seg.build.datasets import list_datasets, open_with_unmatched
from seg.build.instantiate import check_sections
from seg.config.options import read_option
from seg.config.schema import DatasetChoice, DatasetTarget, validate
from seg.data.readers.image_label_pairs import NO_ANNOTATION
from seg.data.readers.unread_files import is_hidden
from seg.data.readers.urls import is_remote
from seg.errors import ConfigError, DataError, UserError, first_of

# By images on which nothing was drawn.
_MEAN_BACKGROUND = ("cvat_mask", "cvat_images", "supervisely")
_OF_IMAGES = ("bands", "value_range")  # faults of images, whatever the kind of their labels
_GENERAL = ("folder", "csv")  # they open much that another kind reads with its own meaning
_TRIED_SAMPLES, _MOST_TABLES, _MOST_LEVELS, _SHOWN_CLASSES = 3, 5, 3, 8


@dataclass(frozen=True)
class Detected:
    """A dataset that opens a directory.

    Attributes:
        name: as in `dataset=NAME`.
        place: the key that takes the directory or file, and the value.
        images: number of images of the splits that are there.
        unmatched: number of files without a partner.
        classes: names, in the order of the train ids.
        unannotated: number of images, among these files, for which a tool wrote no annotation.
        image_fault: what must be declared of its images, whose labels are read; empty: nothing.
    """

    name: str
    place: tuple[str, str]
    images: Mapping[str, int]
    unmatched: int
    classes: tuple[str, ...]
    unannotated: int = 0
    image_fault: str = ""

    @property
    def overrides(self) -> str:
        """Return the choices that open it, quoted for a shell.

        Images without annotation are background where the tool means that by them, else left out.
        """
        key, value = self.place
        meaning = "background" if self.name in _MEAN_BACKGROUND else "exclude"
        choice = f" dataset.unannotated={meaning}" if self.unannotated else ""
        return f"dataset={self.name} {quote(f'dataset.{key}={value}')}{choice}"

    @property
    def description(self) -> str:
        """Return what it holds, in a line."""
        counts = ", ".join(f"{count} {split}" for split, count in self.images.items())
        others = self.unmatched - self.unannotated
        unmatched = f"; {others} files have no partner" if others else ""
        if self.unannotated:
            unmatched += f"; {self.unannotated} images have no annotation"
        classes = first_of(self.classes, _SHOWN_CLASSES)
        return f"{counts} images{unmatched}; {len(self.classes)} classes: {classes}"


def detect(root: Path) -> list[Detected]:
    """Return the datasets that open a directory, those of special formats first.

    Args:
        root: the directory; where nothing opens it and it holds one directory alone, that one.

    Raises:
        DataError: there is no such directory, or no dataset opens it; with the option that a
            special format needs, else what the dataset `folder` found, and the options that it
            needs.
    """
    if not root.is_dir():
        raise DataError(f"dataset.root={root}: no such directory", fault="missing")
    if detected := _search(root):
        return detected
    for name, outcome in list(_attempts(root)):
        # Errors that do not name the directory come before it is looked at.
        if isinstance(outcome, ConfigError) and str(root) in str(outcome):
            raise DataError(f"{root}: dataset={name} needs an option to open it:\n  {outcome}")
    reason = "no images and labels are there"
    try:
        _open("folder", "root", root)
    except UserError as error:
        reason = str(error)
    raise DataError(
        f"{root}: no dataset opens it as it is; as a folder of images and labels:\n  {reason}"
    )


@contextmanager
def naming_other_kinds(config: DatasetTarget) -> Iterator[None]:
    """Say in a `DataError` of the block which other kind of dataset opens the directory.

    Args:
        config: the dataset that the block opens; where it opens by itself, nothing is added.
    """
    try:
        yield
    except DataError as error:
        other = _other_kind(config)
        if other is None:
            raise
        raise DataError(
            f"{error}\n  it opens as another kind: {other.overrides}",
            fault=error.fault,
            values=error.values,
        ) from error


def _other_kind(config: DatasetTarget) -> Detected | None:
    root = config.node().get("root")
    if root is None or is_remote(root) or not Path(root).expanduser().is_dir():
        return None
    try:
        with _quiet():
            _read_one(open_with_unmatched(config, "train")[0])
    except (UserError, ImportError):
        return next(iter(_search(Path(root).expanduser())), None)
    return None


def _search(root: Path) -> list[Detected]:
    """Return what opens a directory, or the only one in it."""
    for _ in range(_MOST_LEVELS):
        if detected := _detect_here(root):
            return detected
        entries = [entry for entry in root.iterdir() if not is_hidden(Path(entry.name))]
        if len(entries) != 1 or not entries[0].is_dir():
            break
        root = entries[0]
    return []


def _detect_here(root: Path) -> list[Detected]:
    return [outcome for _, outcome in _attempts(root) if isinstance(outcome, Detected)]


def _attempts(root: Path) -> Iterator[tuple[str, Detected | UserError]]:
    """Yield the name of each dataset, and how it opens a directory or why it does not."""
    with _quiet():
        for name in sorted(list_datasets(), key=lambda name: (name in _GENERAL, name)):
            for key, value in _places(name, root):
                try:
                    yield name, _open(name, key, value)
                except UserError as error:
                    yield name, error
                except ImportError:
                    continue


def _places(name: str, root: Path) -> list[tuple[str, Path]]:
    """Return the key of a dataset that takes a directory or a table in it, with the values."""
    option = read_option("dataset", name)
    if "root" in option:
        return [("root", root)]
    if "table" in option:
        return [("table", table) for table in sorted(root.glob("*.csv"))[:_MOST_TABLES]]
    return []


def _open(name: str, key: str, value: Path) -> Detected:
    """Open the training split and, where they are there, the others.

    Raises:
        UserError: it does not open, or none of its first samples can be read.
    """
    plain: dict[str, Any] = {**read_option("dataset", name), key: str(value)}
    config = validate(DatasetChoice, {"dataset": plain})
    check_sections(config, "dataset")
    dataset, unmatched = open_with_unmatched(config.dataset, "train")
    image_fault = _read_one(dataset)
    bare = sum(each.fault == NO_ANNOTATION for each in unmatched)
    images = {"train": len(dataset)}
    for split in ("val", "test"):
        try:
            images[split] = len(open_with_unmatched(config.dataset, split)[0])
        except UserError:
            continue
    names = dataset.labels.names
    return Detected(name, (key, str(value)), images, len(unmatched), names, bare, image_fault)


def _read_one(dataset: Any) -> str:
    """Read a sample, so that files of another kind are told apart; a few may be damaged.

    Returns:
        what must be declared of its image, if that is all that is wrong; else nothing.
    """
    count = min(_TRIED_SAMPLES, len(dataset))
    for index in range(count):
        try:
            dataset[index]
        except DataError as error:
            if error.fault in _OF_IMAGES and hasattr(dataset, "read_label"):
                dataset.read_label(index)
                return str(error)
            if index == count - 1:
                raise
        else:
            break
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what datasets log of files that they do not read: most of them are of another kind."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
