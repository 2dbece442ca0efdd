"""Pictures in a folder for each class, as ImageNet comes unpacked."""

import os
from collections.abc import Iterator
from pathlib import Path

from seg.data.classification.sample import ClassNames, ImageFile, ImageFiles
from seg.data.readers.dataset_root import default_root
from seg.data.readers.splits import find_split, hash_split, no_split_error, split_names
from seg.data.readers.unread_files import UnreadFiles, is_hidden, log_loose_files
from seg.errors import DataError

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
_HOW_TO_GET = (
    "lay pictures out as train/CLASS/a.jpg with val/CLASS/b.jpg (ImageNet's validation pictures\n"
    "  too must be sorted into folders), or as CLASS/a.jpg, split by "
    "classification_dataset.val_fraction"
)


class ImageFolder(ImageFiles):
    """One split of a folder of pictures, sorted by class.

    Files: `<split>/<class>/**`, as ImageNet's `train/n01440764/n01440764_18.JPEG`; or without
    folders for splits `<class>/**`, of which a fixed part of each class becomes `val`. Classes are
    the folders of the training split in the order of their names, which for ImageNet is the order
    of all published classifiers.

    Args:
        split: `train`, `val`, `test` or the name of another split's folder.
        root: the folder; None: `$SEG_DATA/images` or `data/images`.
        val_fraction: the part of the pictures that is `val`, where no folders split them.
        val_seed: another seed, another part.

    Raises:
        ConfigError: an option is wrong.
        DataError: folders or pictures are missing, or a split has a class that training lacks.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        where = default_root("images") if root is None else Path(root).expanduser()
        if not where.is_dir():
            raise DataError(f"classification_dataset.root={where}: no such folder\n  {_HOW_TO_GET}")
        folders = [path.name for path in where.iterdir() if path.is_dir()]
        if split_names(folders):
            names = _class_names(where / _split_directory(where, "train", folders))
            files = _files(where / _split_directory(where, split, folders), names)
        else:
            names = _class_names(where)
            files = _files(where, names)
            every = {file.name for file in files}
            kept = hash_split(every, split, val_fraction=val_fraction, seed=val_seed, where=where)
            files = [file for file in files if file.name in kept]
        super().__init__(files, labels=ClassNames(names), split=split)


def _split_directory(where: Path, split: str, folders: list[str]) -> str:
    found = find_split(split, folders, where)
    if found is None:
        raise no_split_error(split, folders, where)
    return found


def _class_names(folder: Path) -> tuple[str, ...]:
    names = tuple(
        sorted(
            path.name
            for path in folder.iterdir()
            if path.is_dir() and not is_hidden(Path(path.name))
        )
    )
    if not names:
        raise DataError(f"{folder}: no folders of classes\n  {_HOW_TO_GET}")
    return names


def _files(folder: Path, names: tuple[str, ...]) -> list[ImageFile]:
    """Pictures below the folders of the classes, sorted."""
    strange = sorted(set(_class_names(folder)) - set(names))
    if strange:
        raise DataError(
            f"{folder}: class {strange[0]!r} is not among the training split's {len(names)}"
            + (f", nor are {len(strange) - 1} more" if len(strange) > 1 else "")
        )
    log_loose_files(folder)
    unread = UnreadFiles(folder)
    files = [
        ImageFile(path, f"{folder}/{path}", (place,))
        for place, name in enumerate(names)
        for path in sorted(_image_paths(folder, name, unread))
    ]
    unread.log()
    return files


def _image_paths(folder: Path, name: str, unread: UnreadFiles) -> Iterator[str]:
    """Paths below a class's folder, relative to the split's; a million take seconds."""
    for inner, _, files in os.walk(folder / name):
        below = Path(inner).relative_to(folder)
        within_hidden, prefix = is_hidden(below), below.as_posix()
        for file in files:
            if file.lower().endswith(_SUFFIXES) and not (within_hidden or is_hidden(Path(file))):
                yield f"{prefix}/{file}"
            else:
                unread.add(below / file)
