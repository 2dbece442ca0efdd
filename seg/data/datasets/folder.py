"""People's own images: directories of images and of labels."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from seg.data.label_space import LabelSpace
from seg.data.readers.band_masks import band_labels
from seg.data.readers.class_masks import ClassMaskLayout
from seg.data.readers.class_table import CLASS_FILES, find_classes
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import NO_ANNOTATION, PairDataset, Pairing, match_pairs
from seg.data.readers.label_encoding import LabelKind, infer_from_files, own_labels
from seg.data.readers.layout_search import Layout
from seg.data.readers.layouts import find_layout_error
from seg.data.readers.path_patterns import FilePattern, files_of, pairing_remedy, parse_pattern
from seg.data.readers.path_templates import CLASS, TemplatePair, check_expanded, is_template
from seg.data.readers.readers import ReadLabel
from seg.data.readers.splits import find_split, no_split_error, split_names, split_subset
from seg.data.readers.template_pairs import TemplateLayout
from seg.data.readers.unannotated_frames import (
    Unannotated,
    label_files,
    settle_unlabelled,
    with_background,
)
from seg.data.readers.unread_files import log_loose_files, log_once
from seg.errors import ConfigError, DataError

_HOW_TO_GET = (
    "images/<split>/a.jpg with labels/<split>/a.png, or <split>/images/ with <split>/labels/\n"
    "  (train, val, test; without them dataset.val_fraction splits); other directories and names:"
    " dataset.images=imgs 'dataset.labels=masks/*_mask.png'"
)


# Besides images/ with labels/: also those of mmsegmentation, and masks beside images.
_USUAL = (("images", "masks"), ("img_dir", "ann_dir"), (".", "*_mask"))


class Folder(PairDataset):
    """One split of a directory of images and labels.

    Files: `images/<split>/**` with `labels/<split>/**`, or `<split>/images/**` with
    `<split>/labels/**`. Image and label share path and name, up to the suffix. Splits may be called
    `training`, `valid`, `validation`, `testing`. Without directories for splits a fixed part of the
    names becomes `val`, the rest `train`.

    `images/` with `masks/`, `img_dir/` with `ann_dir/`, and `X.jpg` with `X_mask.png` in one
    directory are found by themselves, with and without splits.

    Patterns give other directories and names; one `*` in them stands for what an image and its
    label share: `masks/*_mask.png`. Or `images` is a glob, and `labels` a template that gives the
    label of each image: `**/*.jpg` and `masks/{stem}_mask.png`
    (`seg.data.readers.path_templates`). With `{class}` in the template each class has a mask file
    of its own, and classes may overlap: `masks/{class}/{stem}.png`.

    Args:
        split: `train`, `val`, `test` or the name of another split's directory.
        root: the directory; None: `$SEG_DATA/folder` or `data/folder`.
        images, labels: the two directories, with or without the pattern of their files' names;
            both may lie in one directory. Or a glob and a template.
        classes: a JSON or text file (its forms: `seg.data.readers.class_table.read_classes`); None:
            `classes.json` or `classes.txt` in the root, else the ids that occur in
            the training labels.
        label_kind: `ids`, `colours` or `auto`, which looks at a label; or `bands`: band or page k
            of a label is the mask of class k, and classes may overlap.
        unannotated: images without a label are an `error`, `background`, or left out (`exclude`).
        val_fraction: share of the names that is `val`, where nothing else splits them.
        val_seed: of the choice of these names.

    Raises:
        ConfigError: an option is wrong.
        DataError: the directories or files are missing, do not pair up, or name no classes.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        images: str = "images",
        labels: str = "labels",
        classes: str | Path | None = None,
        label_kind: LabelKind | Literal["bands"] = "auto",
        unannotated: Unannotated = "error",
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        where = find_root(root, dataset="folder", expected=(), how_to_get=_HOW_TO_GET)
        layout: TemplateLayout | _Layout
        check_expanded(images, labels, where)
        named = find_classes(classes, where)
        if CLASS in labels:
            layout = ClassMaskLayout(where, TemplatePair(images, labels), unannotated, named)
        elif is_template(images, labels):
            layout = TemplateLayout(where, TemplatePair(images, labels), unannotated)
        else:
            layout = _Layout(
                where,
                parse_pattern(images, "dataset.images"),
                parse_pattern(labels, "dataset.labels"),
                unannotated,
                frozenset((*CLASS_FILES, Path(classes or "").name)),
            ).usual()
        pairing, whole = layout.pairs(split)
        if whole:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
        space: LabelSpace
        read: ReadLabel
        if isinstance(layout, ClassMaskLayout):
            space, read = layout.classes.labels, layout.reader()
        elif label_kind == "bands":
            masks, read = band_labels(named, label_files(pairing.pairs))
            space = masks.labels
        else:
            space, read = own_labels(
                label_kind,
                named=named,
                files=label_files(pairing.pairs),
                infer=lambda: infer_from_files(layout.training_labels(), label_kind),
            )
            read = with_background(pairing.pairs, read, space, named.source if named else where)
        super().__init__(pairing, labels=space, split=split, read=read)


@dataclass(frozen=True)
class _Layout:
    """The directories and patterns of a dataset's images and labels."""

    where: Path
    images: FilePattern
    labels: FilePattern
    unannotated: Unannotated
    class_files: frozenset[str]
    is_trial: bool = False

    def usual(self) -> "_Layout":
        """Return the one usual layout that fits, where the default directories are not there."""
        default = ("images", "labels")
        places = (self.where, *self.where.glob("*/"))
        if (self.images.text, self.labels.text) != default or any(
            all((place / name).is_dir() for name in default) for place in places
        ):
            return self
        fitting = []
        for images, labels in _USUAL:
            if images == "." and not any(self.where.glob(f"**/{labels}.*")):
                continue
            patterns = parse_pattern(images, "dataset.images"), parse_pattern(labels, "labels")
            trial = replace(self, images=patterns[0], labels=patterns[1], is_trial=True)
            paired = trial._names()
            if paired and paired[0] and paired[1] <= paired[0]:
                fitting.append(replace(trial, is_trial=False))
        if len(fitting) != 1:
            return self
        options = Layout(fitting[0].images, fitting[0].labels).options
        log_once(f"{self.where}: read as with {options}")
        return fitting[0]

    def _names(self) -> tuple[set[str], set[str]] | None:
        """Return the names of images and labels of the training split; None without such files."""
        try:
            images, labels = self._files(self._directories("train")[0])
        except (ConfigError, DataError):
            return None
        return set(images), set(labels)

    def pairs(self, split: str) -> tuple[Pairing, bool]:
        """Return the pairs of a split or of all splits, and whether they are of all."""
        directories, whole = self._directories(split)
        images, labels = self._files(directories)
        if not images.keys() & labels.keys():  # names, not annotations are what lacks
            remedy = pairing_remedy(images, labels, (self.images, self.labels))
            return match_pairs(images, labels, remedy=remedy), whole
        images, labels = settle_unlabelled("folder", images, labels, self.unannotated)
        return match_pairs(images, labels, unlabelled_fault=NO_ANNOTATION), whole

    def training_labels(self) -> list[Path]:
        """Return the labels of the training split; where nothing splits the data, all."""
        # Unsplit, all of them: a class that only validation has must be known, too.
        directories, _ = self._directories("train")
        return list(self._files(directories)[1].values())

    def _refuse_layout(self, below: tuple[str, str]) -> None:
        """Raise a `DataError` with the options that pair the files, if there are any."""
        if self.is_trial:
            return
        if any(all((each / name).is_dir() for name in below) for each in self.where.glob("*/")):
            return  # the root is one level below

        def pairs_up(root: Path, layout: Layout, excluding: bool) -> bool:
            """Return whether the files of a root pair up under a layout."""
            trial = replace(
                self, where=root, images=layout.images, labels=layout.labels, is_trial=True
            )
            names = trial._names()
            if names is None:
                return False
            return names[1] <= names[0] and (excluding or len(names[1]) == len(names[0]))

        error = find_layout_error(self.where, below, pairs_up)
        if error is not None:
            raise error

    def _files(self, directories: tuple[Path, Path]) -> tuple[dict[str, Path], dict[str, Path]]:
        together = directories[0] == directories[1]
        if together and self.images.names == self.labels.names:
            raise ConfigError(
                f"dataset.images={self.images.text} and dataset.labels={self.labels.text} are the"
                " same files\n  tell them apart by their names: 'dataset.labels=*_mask.png'"
            )
        others = (self.labels, self.images) if together else (None, None)
        return (
            files_of(directories[0], self.images, others[0]),
            files_of(directories[1], self.labels, others[1]),
        )

    def _directories(self, split: str) -> tuple[tuple[Path, Path], bool]:
        """Return the directories of images and labels, and whether they hold all splits."""
        below = (self.images.directory, self.labels.directory)
        images, labels = (self.where / name for name in below)
        if images.is_dir() and labels.is_dir():
            names = [
                find_split(split, _subdirectories(parent), parent) for parent in (images, labels)
            ]
            if names[0] and names[1]:
                self._log_unread(self.where, below)
                for parent in {images, labels}:
                    self._log_unread(parent, (split, *split_names(_subdirectories(parent))))
                return (images / names[0], labels / names[1]), False
            present = split_names({*_subdirectories(images), *_subdirectories(labels)})
            if not present and not any(names):
                self._log_unread(self.where, below)
                return (images, labels), True
            for parent, name in zip((images, labels), names, strict=True):
                if name is None:
                    raise no_split_error(split, split_names(_subdirectories(parent)), parent)
        splits = [
            name for name in _subdirectories(self.where) if (self.where / name / below[0]).is_dir()
        ]
        name = find_split(split, splits, self.where)
        if name is not None and (self.where / name / below[1]).is_dir():
            self._log_unread(self.where, (name, *split_names(splits)))
            self._log_unread(self.where / name, below)
            return (self.where / name / below[0], self.where / name / below[1]), False
        if split_names(splits) and name is None:
            raise no_split_error(split, splits, self.where)
        self._refuse_layout(below)
        find_root(self.where, dataset="folder", expected=below, how_to_get=_HOW_TO_GET)
        raise DataError(f"{self.where}: {' and '.join(below)} must be directories\n  {_HOW_TO_GET}")

    def _log_unread(self, parent: Path, read: Iterable[str]) -> None:
        """Log what lies beside the directories below `parent` that are read."""
        names = {PurePosixPath(name).parts[:1] for name in read}
        if () not in names and not self.is_trial:  # `parent` itself is one of them
            log_loose_files(parent, apart={*self.class_files, *(name for (name,) in names)})


def _subdirectories(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    return [path.name for path in directory.iterdir() if path.is_dir()]
