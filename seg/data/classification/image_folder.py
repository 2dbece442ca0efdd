"""Images in a directory for each class, as in the unpacked ImageNet."""

import os
from collections.abc import Iterator
from pathlib import Path

from seg.data.classification.sample import ClassNames, ImageFile, ImageFiles
from seg.data.readers.dataset_root import default_root
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.splits import find_split, hash_split, no_split_error, split_names
from seg.data.readers.unread_files import UnreadFiles, is_hidden, log_loose_files
from seg.errors import DataError

_HOW_TO_GET = (
    "lay images out as train/CLASS/a.jpg with val/CLASS/b.jpg (ImageNet's validation images\n"
    "  too must be sorted into directories), or as CLASS/a.jpg, split by "
    "classification_dataset.val_fraction"
)


class ImageFolder(ImageFiles):
    """One split of a directory of images, sorted by class.

    Files: `<split>/<class>/**`, as ImageNet's `train/n01440764/n01440764_18.JPEG`; or without
    directories for splits `<class>/**`, of which a fixed part of each class becomes `val`. Classes
    are the directories of the training split in the order of their names, which for ImageNet is the
    order of all published classifiers.

    Args:
        split: `train`, `val`, `test` or the name of another split's directory.
        root: the directory; None: `$SEG_DATA/images` or `data/images`.
        val_fraction: share of the images that is `val`, where no directories split them.
        val_seed: of the choice of these images.

    Raises:
        ConfigError: an option is wrong.
        DataError: directories or images are missing, or a split has a class that training lacks.
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
            raise DataError(
                f"classification_dataset.root={where}: no such directory\n  {_HOW_TO_GET}"
            )
        directories = [path.name for path in where.iterdir() if path.is_dir()]
        if split_names(directories):
            names = _class_names(where / _split_directory(where, "train", directories))
            files = _files(where / _split_directory(where, split, directories), names)
        else:
            names = _class_names(where)
            files = _files(where, names)
            all_names = {file.name for file in files}
            chosen = hash_split(
                all_names, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
            files = [file for file in files if file.name in chosen]
        super().__init__(files, labels=ClassNames(names), split=split)


def _split_directory(where: Path, split: str, directories: list[str]) -> str:
    directory = find_split(split, directories, where)
    if directory is None:
        raise no_split_error(split, directories, where)
    return directory


def _class_names(directory: Path) -> tuple[str, ...]:
    directories = (path.name for path in directory.iterdir() if path.is_dir())
    names = tuple(sorted(name for name in directories if not is_hidden(Path(name))))
    if not names:
        raise DataError(f"{directory}: no directories of classes\n  {_HOW_TO_GET}")
    return names


def _files(directory: Path, names: tuple[str, ...]) -> list[ImageFile]:
    """List the images below the directories of the classes, sorted."""
    unknown = sorted(set(_class_names(directory)) - set(names))
    if unknown:
        raise DataError(
            f"{directory}: class {unknown[0]!r} is not among the training split's {len(names)}"
            + (f", nor are {len(unknown) - 1} more" if len(unknown) > 1 else "")
        )
    log_loose_files(directory)
    unread = UnreadFiles(directory)
    files = [
        ImageFile(path, f"{directory}/{path}", (place,))
        for place, name in enumerate(names)
        for path in sorted(_image_paths(directory, name, unread))
    ]
    unread.log()
    return files


def _image_paths(directory: Path, name: str, unread: UnreadFiles) -> Iterator[str]:
    """Yield paths below a class's directory, relative to the split's; a million take seconds."""
    for inner, _, files in os.walk(directory / name):
        below = Path(inner).relative_to(directory)
        within_hidden, prefix = is_hidden(below), below.as_posix()
        for file in files:
            if file.lower().endswith(IMAGE_SUFFIXES) and not (
                within_hidden or is_hidden(Path(file))
            ):
                yield f"{prefix}/{file}"
            else:
                unread.add(below / file)
