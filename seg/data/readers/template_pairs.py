"""The pairs of a split, and what is wrong with them, where templates name the labels."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from seg.data.readers.image_label_pairs import NO_ANNOTATION, Pairing, match_pairs
from seg.data.readers.path_templates import (
    TemplatedImage,
    TemplateFiles,
    TemplatePair,
    find_files,
    split_of,
)
from seg.data.readers.splits import find_split, no_split_error, split_names
from seg.data.readers.unannotated_frames import Unannotated, settle_unlabelled
from seg.data.readers.unread_files import warn_once
from seg.errors import DataError, first_of

_SHOWN = 3


@dataclass(frozen=True)
class TemplateLayout:
    """The files of a dataset whose images a glob names, and whose labels a template.

    Attributes:
        where: the root.
        patterns: the two options.
        unannotated: what images without a label are.
    """

    where: Path
    patterns: TemplatePair
    unannotated: Unannotated

    def pairs(self, split: str) -> tuple[Pairing, bool]:
        """Return the pairs of a split or of all splits, and whether they are of all.

        Raises:
            DataError: the glob fits no file, no label exists, one label is that of several images,
                images or labels lack their partner, or there is no such split.
        """
        images, name = self._images(split)
        names = _unique_names(images)
        labels = self._files.labels
        image_files = {names[image]: self.where / image.path for image in images}
        label_files = {names[each]: self.where / labels[each] for each in images if each in labels}
        if not label_files:
            raise self._no_labels(images)
        self._warn_of_unread(images, is_split=name is not None)
        settled = settle_unlabelled("folder", image_files, label_files, self.unannotated)
        for path in self._files.alone:
            if split_of(path)[:1] in ([], [name]):
                settled[1][str(path)] = self.where / path
        return match_pairs(*settled, unlabelled_fault=NO_ANNOTATION), name is None

    def training_labels(self) -> list[Path]:
        """Return the labels of the training split; where nothing splits the data, all."""
        images, _ = self._images("train")
        labels = self._files.labels
        return [self.where / labels[image] for image in images if image in labels]

    def find(self) -> TemplateFiles:
        """Match the files of the root with the two options."""
        return find_files(self.where, self.patterns)

    @cached_property
    def _files(self) -> TemplateFiles:
        files = self.find()
        if not files.images:
            there = [str(path) for path in (*files.unread, *files.alone, *files.labels.values())]
            raise DataError(
                f"dataset.images={self.patterns.images}: fits none of {len(there)} image files in"
                f" {self.where}\n  there are: {first_of(there) or 'none'}",
                fault="missing",
            )
        self._check_bands(files)
        of_label: dict[PurePosixPath, list[str]] = defaultdict(list)
        for image, label in files.labels.items():
            of_label[label].append(str(image.path))
        shared = {label: paths for label, paths in of_label.items() if len(paths) > 1}
        if shared:
            label, paths = next(iter(shared.items()))
            raise DataError(
                f"dataset.labels={self.patterns.labels}: {len(shared)} labels are each that of"
                f" several images, as {label} of {first_of(paths)}\n"
                "  add what tells the images apart: {parent}, {path}, or {name} for suffixes",
                fault="no_partner",
            )
        return files

    def _check_bands(self, files: TemplateFiles) -> None:
        lacking = [
            str(file)
            for image in (files.images if self.patterns.bands else ())
            for file in image.files
            if not (self.where / file).is_file()
        ]
        if lacking:
            raise DataError(
                f"dataset.images={self.patterns.images}: files of bands do not exist in"
                f" {self.where}: {first_of(lacking)}\n"
                "  give each image all of its bands, or list fewer",
                fault="missing",
            )

    def _images(self, split: str) -> tuple[Sequence[TemplatedImage], str | None]:
        """Return the images of a split, and the name that it has; None: nothing splits them."""
        images = self._files.images
        names = {image.split for image in images if image.split is not None}
        if not names:
            return images, None
        name = find_split(split, names, self.where)
        if name is None:
            raise no_split_error(split, names, self.where)
        return [image for image in images if image.split == name], name

    def _no_labels(self, images: Sequence[TemplatedImage]) -> DataError:
        sought = [f"{image.label} of {image.path}" for image in images[:_SHOWN]]
        others = [str(path) for path in (*self._files.alone, *self._files.unread)]
        also = f"\n  image files that fit neither pattern: {first_of(others)}" if others else ""
        return DataError(
            f"dataset.labels={self.patterns.labels}: no label of {len(images)} images in"
            f" {self.where} exists\n  looked for {', '.join(sought)}{also}",
            fault="missing",
        )

    def _warn_of_unread(self, images: Sequence[TemplatedImage], *, is_split: bool) -> None:
        unread = [str(path) for path in self._files.unread]
        if unread:
            warn_once(
                f"{self.where}: not read: {len(unread)} image files that fit neither"
                f" dataset.images nor dataset.labels: {first_of(unread)}"
            )
        if is_split:
            known = {image.split for image in self._files.images}
            apart = [str(image.path) for image in self._files.images if image.split is None]
            if apart:
                warn_once(
                    f"{self.where}: not read: {len(apart)} images outside of the directories of"
                    f" splits ({', '.join(split_names(filter(None, known)))}): {first_of(apart)}"
                )


def _unique_names(images: Sequence[TemplatedImage]) -> Mapping[TemplatedImage, str]:
    """Return the names of images; of images that share one, the whole path."""
    counts: dict[str, int] = defaultdict(int)
    for image in images:
        counts[image.name] += 1
    return {image: image.name if counts[image.name] == 1 else str(image.path) for image in images}
