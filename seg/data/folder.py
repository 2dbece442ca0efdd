"""People's own pictures: folders of images and of labels."""

from pathlib import Path

from seg.data.files.classes import given_classes
from seg.data.files.own_labels import LabelKind, infer_from_files, own_labels
from seg.data.files.pairs import PairDataset, match_pairs, named_files
from seg.data.files.roots import find_root
from seg.data.files.splits import find_split, no_split_error, part_of, split_names
from seg.data.files.unread import log_loose_files
from seg.errors import DataError

_ANY_DEPTH = "**/*"
_HOW_TO_GET = (
    "lay your own files out as images/<split>/a.jpg with labels/<split>/a.png, or as\n"
    "  <split>/images/a.jpg with <split>/labels/a.png; <split> is train, val or test;\n"
    "  images/a.jpg with labels/a.png is split by dataset.val_fraction"
)


class Folder(PairDataset):
    """One split of a folder of images and labels.

    Files: `images/<split>/**` with `labels/<split>/**`, or `<split>/images/**` with
    `<split>/labels/**`. Image and label share path and name, up to the suffix. Splits may be called
    `training`, `valid`, `validation`, `testing`. Without folders for splits a fixed part of the
    names becomes `val`, the rest `train`.

    Args:
        split: `train`, `val`, `test` or the name of another split's folder.
        root: the folder; None: `$SEG_DATA/folder` or `data/folder`.
        classes: a JSON file (its forms: `seg.data.files.classes.read_classes`); None:
            `classes.json` in the root, else the ids that occur in the training labels.
        label_kind: `ids`, `colours` or `auto`, which looks at a label.
        val_fraction: the part of the names that is `val`, where nothing else splits them.
        val_seed: another seed, another part.

    Raises:
        ConfigError: an option is wrong.
        DataError: the folders or files are missing, do not pair up, or tell no classes.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        classes: str | Path | None = None,
        label_kind: LabelKind = "auto",
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        where = find_root(root, dataset="folder", expected=(), how_to_get=_HOW_TO_GET)
        images, labels, whole = _folders(where, split, root)
        pairs = match_pairs(
            named_files(images, pattern=_ANY_DEPTH), named_files(labels, pattern=_ANY_DEPTH)
        )
        if whole:
            pairs = part_of(pairs, split, val_fraction=val_fraction, seed=val_seed, where=where)
        space, read = own_labels(
            label_kind,
            told=given_classes(classes, where / "classes.json"),
            files=(pair.label for pair in pairs),
            infer=lambda: infer_from_files(_training_labels(where, root), label_kind),
        )
        super().__init__(pairs, labels=space, split=split, read=read)


def _folders(where: Path, split: str, root: str | Path | None) -> tuple[Path, Path, bool]:
    """Folders of the images and of the labels, and whether they hold more than this split."""
    images, labels = where / "images", where / "labels"
    if images.is_dir() and labels.is_dir():
        names = [find_split(split, _subfolders(parent), parent) for parent in (images, labels)]
        if names[0] and names[1]:
            for parent in (images, labels):
                log_loose_files(parent, apart={split, *split_names(_subfolders(parent))})
            return images / names[0], labels / names[1], False
        present = split_names({*_subfolders(images), *_subfolders(labels)})
        if not present and not any(names):
            return images, labels, True
        for parent, name in zip((images, labels), names, strict=True):
            if name is None:
                raise no_split_error(split, split_names(_subfolders(parent)), parent)
    splits = [name for name in _subfolders(where) if (where / name / "images").is_dir()]
    name = find_split(split, splits, where)
    if name is not None:
        return where / name / "images", where / name / "labels", False
    if split_names(splits):
        raise no_split_error(split, splits, where)
    find_root(root, dataset="folder", expected=("images", "labels"), how_to_get=_HOW_TO_GET)
    raise DataError(f"{where}: images and labels must be folders\n  {_HOW_TO_GET}")


def _subfolders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [path.name for path in folder.iterdir() if path.is_dir()]


def _training_labels(where: Path, root: str | Path | None) -> list[Path]:
    # Unsplit, all of them: a class that only validation has would otherwise be unknown to it.
    _, labels, _ = _folders(where, "train", root)
    return list(named_files(labels, pattern=_ANY_DEPTH).values())
