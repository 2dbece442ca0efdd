"""Labels of classes that may overlap: one mask file a class, named by a template with `{class}`."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.readers.class_table import Classes, distinct_palette
from seg.data.readers.image_label_pairs import (
    NO_ANNOTATION,
    Pairing,
    UnmatchedFile,
    unmatched_error,
)
from seg.data.readers.path_templates import (
    CLASS,
    TemplatedImage,
    TemplateFiles,
    TemplatePair,
    image_files,
)
from seg.data.readers.readers import read_grey, read_size
from seg.data.readers.template_pairs import TemplateLayout
from seg.data.readers.unread_files import log_once
from seg.data.readers.urls import Location
from seg.errors import DataError, first_of


@dataclass(frozen=True)
class MaskClasses:
    """The classes of mask files.

    Attributes:
        labels: those that are trained; they may overlap.
        ignored: those whose pixels are ignored.
    """

    labels: LabelSpace
    ignored: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all classes, the trained ones first."""
        return (*self.labels.names, *self.ignored)

    def code(
        self, masks: Sequence[NDArray[np.bool_] | None], size: tuple[int, int]
    ) -> NDArray[Any]:
        """Return the codes of one mask a class, in the order of `names`; None: an empty mask."""
        code_HW: NDArray[Any] = np.zeros(size, self.labels.dtype)
        for at, mask_HW in enumerate(masks):
            if mask_HW is not None and at < self.labels.num_classes:
                code_HW[mask_HW] |= 1 << at
            elif mask_HW is not None:
                code_HW[mask_HW] = self.labels.ignore_index
        return code_HW


def mask_classes(named: Classes | None, names: Sequence[str]) -> MaskClasses:
    """Return the classes of mask files.

    Args:
        named: of a class file; entries that it ignores are masks of ignored pixels.
        names: those that the files have, where no file names them.
    """
    if named is not None:
        ignored = tuple(entry.name for entry in named.entries if entry.ignored)
        names, palette = named.labels.names, named.labels.palette
    else:
        ignored, names, palette = (), tuple(names), distinct_palette(len(names))
    return MaskClasses(LabelSpace.overlapping(names, palette), ignored)


@dataclass(frozen=True)
class ClassMaskLayout(TemplateLayout):
    """The files of a dataset whose labels are one mask file a class and image.

    The first mask of an image stands for its label.

    Attributes:
        named: the classes of a class file; None: those of which there are masks.
    """

    named: Classes | None = None

    @cached_property
    def masks(self) -> Mapping[TemplatedImage, Mapping[str, PurePosixPath]]:
        """Return the mask files of each image by their class."""
        return self._images_and_masks[1]

    @cached_property
    def classes(self) -> MaskClasses:
        """Return the classes.

        Raises:
            DataError: there are no masks.
        """
        names = sorted({name for files in self.masks.values() for name in files})
        if not names:
            raise DataError(
                f"dataset.labels={self.patterns.labels}: no file in {self.where} is the mask of an"
                " image\n  {class} stands for the name of the class",
                fault="missing",
            )
        return mask_classes(self.named, names)

    def find(self) -> TemplateFiles:
        """Match the files of the root with the two options."""
        return self._images_and_masks[0]

    def pairs(self, split: str) -> tuple[Pairing, bool]:
        """Return the pairs of a split or of all splits, and whether they are of all.

        Raises:
            DataError: as `TemplateLayout.pairs`; also masks that are missing, unless
                `unannotated` says what images without a label are.
        """
        pairing, is_whole = super().pairs(split)
        lacking = {str(self.where / image.path): names for image, names in self._lacking.items()}
        bare = [pair for pair in pairing.pairs if str(pair.image) in lacking]
        if not bare or self.unannotated == "background":
            return pairing, is_whole
        complete = tuple(pair for pair in pairing.pairs if str(pair.image) not in lacking)
        if self.unannotated == "exclude":
            log_once(f"{self.where}: {len(bare)} images that lack a mask are left out")
            return replace(pairing, pairs=complete), is_whole
        missing = tuple(
            UnmatchedFile(self.where / name, "mask", "file", fault=NO_ANNOTATION)
            for pair in bare
            for name in lacking[str(pair.image)]
        )
        unmatched = (*pairing.unmatched, *missing)
        error = unmatched_error(unmatched, f"{self.where}: {len(pairing.pairs)} images")
        return Pairing(complete, unmatched, error), is_whole

    def reader(self) -> "ClassMasks":
        """Return the reader of the masks."""
        classes = self.classes
        files: dict[str, tuple[Path | None, ...]] = {}
        for masks in self.masks.values():
            first = str(self.where / next(iter(masks.values())))
            files[first] = tuple(
                self.where / masks[name] if name in masks else None for name in classes.names
            )
        return ClassMasks(files, classes)

    @property
    def _lacking(self) -> dict[TemplatedImage, list[str]]:
        names = self.classes.labels.names
        return {
            image: [str(image.label).replace(CLASS, name) for name in names if name not in masks]
            for image, masks in self.masks.items()
            if set(names) - set(masks)
        }

    @cached_property
    def _images_and_masks(
        self,
    ) -> tuple[TemplateFiles, dict[TemplatedImage, dict[str, PurePosixPath]]]:
        paths = image_files(self.where)
        images = [image for path in paths if (image := self.patterns.match(path)) is not None]
        names = None if self.named is None else [entry.name for entry in self.named.entries]
        masks = _masks_of(images, paths, self.patterns, names)
        apart = {path for files in masks.values() for path in files.values()}
        images = [image for image in images if image.path not in apart]
        masks = {image: masks[image] for image in images if image in masks}
        labels = {image: next(iter(files.values())) for image, files in masks.items()}
        read = apart | {image.path for image in images}
        unread = [path for path in paths if path not in read]
        return TemplateFiles(images, labels, unread, []), masks


def _masks_of(
    images: Sequence[TemplatedImage],
    paths: Sequence[PurePosixPath],
    patterns: TemplatePair,
    names: Sequence[str] | None,
) -> dict[TemplatedImage, dict[str, PurePosixPath]]:
    """Return the files that are masks, by image and class; of two images that of the longer name.

    A file is split in all ways at which the text around `{class}` allows a class.
    """
    around = {tuple(str(image.label).split(CLASS, 1)): image for image in images}
    before, after = patterns.labels.split(CLASS, 1)
    left = re.escape(before[-1:] if before[-1:] != "}" else "")
    right = re.escape(after[:1] if after[:1] != "{" else "")
    starts, ends = re.compile(f"(?<={left})" if left else ""), re.compile(f"(?={right})")
    masks: dict[TemplatedImage, dict[str, PurePosixPath]] = defaultdict(dict)
    for path in paths:
        text = str(path if patterns.has_suffix else path.with_suffix(""))
        for start in sorted((match.start() for match in starts.finditer(text)), reverse=True):
            ways = [
                (text[start : end.start()], text[end.start() :])
                for end in ends.finditer(text, start + 1)
            ] + [(text[start:], "")]
            known = [
                (image, name)
                for name, rest in ways
                if "/" not in name
                and (names is None or name in names)
                and (image := around.get((text[:start], rest))) is not None
            ]
            if known and known[0][0].path != path:
                image, name = known[0]
                masks[image].setdefault(name, path)
                break
    return dict(masks)


class ClassMasks:
    """A `ReadLabel` of the masks of an image; the first mask stands for the label.

    Args:
        files: the masks of each label, in the order of the classes; None: an empty one.
        classes: what they are of.
    """

    def __init__(self, files: Mapping[str, Sequence[Path | None]], classes: MaskClasses) -> None:
        self._files = files
        self._classes = classes

    @property
    def settings(self) -> str:
        """Return what decides the codes beside the first mask: all files, their sizes and times."""
        digest = hashlib.sha256(repr(self._classes.names).encode())
        for paths in self._files.values():
            for path in paths:
                state = None if path is None else path.stat()
                size = (state.st_size, state.st_mtime_ns) if state else None
                digest.update(repr((str(path), size)).encode())
        return f"({digest.hexdigest()[:32]})"

    def __call__(self, path: Location) -> NDArray[Any]:
        """Return the codes of a label, H x W; of an image that has no mask, background.

        Raises:
            DataError: a mask cannot be read, holds more than two values, or has another size.
        """
        files = self._files.get(str(path))
        if files is None:
            return np.zeros(read_size(path), self._classes.labels.dtype)
        masks = [None if file is None else read_mask(file) for file in files]
        sizes = {
            mask_HW.shape: file
            for mask_HW, file in zip(masks, files, strict=True)
            if mask_HW is not None
        }
        if len(sizes) > 1:
            listed = ", ".join(f"{file}: {w} x {h}" for (h, w), file in sizes.items())
            raise DataError(
                f"the masks of an image differ in size (width x height): {listed}\n"
                "  give all of them the size of the image",
                fault="size_mismatch",
            )
        height, width = next(iter(sizes))
        return self._classes.code(masks, (height, width))


def read_mask(path: Location) -> NDArray[np.bool_]:
    """Read a mask file of two values, of which 0 is outside; bool, H x W.

    Raises:
        DataError: the file cannot be read, or holds further values.
    """
    return as_mask(read_grey(path), path)


def as_mask(values_HW: NDArray[np.integer], where: object) -> NDArray[np.bool_]:
    """Return where the values of a mask are not 0.

    Raises:
        DataError: they are more than two.
    """
    values = np.unique(values_HW)
    if len(values) > 2 or (len(values) == 2 and values[0] != 0):
        raise DataError(
            f"{where}: a mask holds {len(values)} values ({first_of(values.tolist())}); allowed: 0"
            " outside, and one other inside\n"
            "  save it anew without smoothing, or decide with (mask > 127)",
            fault="label_kind",
        )
    return np.asarray(values_HW != 0)
