"""Datasets made of image files and label files, paired by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.readers.file_masks import may_lack_data
from seg.data.readers.readers import ReadLabel, read_label, read_pair
from seg.data.readers.unread_files import UnreadFiles, is_hidden
from seg.data.readers.urls import Location
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import LEAVE_OUT, Sample, naming_quarantine
from seg.errors import DataError, first_of

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"),
    *(".jp2", ".npy", ".npz"),
)
NO_ANNOTATION = "no_annotation"
"""The `UnmatchedFile.fault` of images for which an annotation tool has written no label."""

NO_ANNOTATION_REMEDY = (
    "frames without annotation: dataset.unannotated=background takes them as background,"
    " dataset.unannotated=exclude leaves them out"
)
_COMPLETE = "an image and its label share a name; complete or repeat the download"
_NO_NAMES = "  an image and its label share a name: rename them, or look whether they fit"
_UNMATCHED = {
    "image": "images have no label",
    "label": "labels have no image",
    "listed": "listed files do not exist",
    "mask": "masks do not exist",
}


@dataclass(frozen=True)
class UnmatchedFile:
    """A file without its partner.

    Attributes:
        path: the file.
        kind: `image` or `label`; `mask`: that of one class, which does not exist.
        lacks: the other.
        sought: the path of the partner, if a list names it.
        fault: the kind of fault; `no_annotation` where tools write no label for an empty image.
    """

    path: Location
    kind: str
    lacks: str
    sought: Location | None = None
    fault: str = "no_partner"


@dataclass(frozen=True)
class Pair:
    """The two files of one sample; `name` is unique within a split."""

    name: str
    image: Location
    label: Location


@dataclass(frozen=True)
class Pairing:
    """The pairs that files form, and the files without a partner.

    Attributes:
        pairs: in the order of the dataset.
        unmatched: the files without a partner.
        error: what is wrong with these files and what to do; None without any.
    """

    pairs: tuple[Pair, ...]
    unmatched: tuple[UnmatchedFile, ...] = ()
    error: DataError | None = None

    def __add__(self, other: "Pairing") -> "Pairing":
        return Pairing(
            self.pairs + other.pairs, self.unmatched + other.unmatched, self.error or other.error
        )


class PairDataset:
    """Samples read from pairs of files; a `SegmentationDataset`.

    Attributes:
        unmatched: the files without a partner; empty unless made by `tolerant`.
        can_overlap: whether it is made with `multi_label=True` where classes may overlap.
        decoding: of the images, as the configuration declares it; set after construction.

    Args:
        pairing: the files, in the order of the dataset.
        labels: what the values of the label files mean.
        split: the name of the split, for messages.
        read: how the label files store their values.

    Raises:
        DataError: there are no pairs, or files without a partner.
    """

    decoding: ImageDecoding = PLAIN
    can_overlap = False
    _is_strict = True

    def __init__(
        self,
        pairing: Pairing | Sequence[Pair],
        *,
        labels: LabelSpace,
        split: str,
        read: ReadLabel = read_label,
    ) -> None:
        if not isinstance(pairing, Pairing):
            pairing = Pairing(tuple(pairing))
        if pairing.error is not None and self._is_strict:
            raise pairing.error
        if not pairing.pairs:
            raise DataError(f"split {split!r} is empty: no image and label files were found")
        self.pairs = pairing.pairs
        self.unmatched = pairing.unmatched
        self.labels = labels
        self.split = split
        self._read = read

    @classmethod
    def tolerant(cls, **options: Any) -> Self:
        """Make a dataset of the files that have a partner; `unmatched` lists the others."""
        dataset = cls.__new__(cls)
        dataset._is_strict = False
        cls.__init__(dataset, **options)
        return dataset

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            IndexError: there is no such sample.
            DataError: a file is missing or damaged, sizes differ, or a label value is unknown.
        """
        pair = self.pairs[index]
        with naming_quarantine():
            image_HWC, file_label_HW, lacks_data_HW = read_pair(
                pair.image, pair.label, self._read, self.decoding
            )
            label_HW = self.labels.encode(file_label_HW, pair.label)
        if lacks_data_HW is not None:
            label_HW[lacks_data_HW] = self.labels.ignore_index
        return Sample(pair.name, image_HWC, label_HW)

    @property
    def reader(self) -> str:
        """Return text that identifies how label files are read."""
        name = getattr(self._read, "__qualname__", None)  # of a function
        settings = getattr(self._read, "settings", "")
        return f"{name or type(self._read).__qualname__}{settings}"

    def read_label(self, index: int) -> NDArray[Any]:
        """Return the label of one sample, H x W, train ids.

        Its image is opened only where pixels may lack data.

        Raises:
            IndexError, DataError: as for reading the sample.
        """
        image, label = self.pairs[index].image, self.pairs[index].label
        if self.decoding.nodata is not None or may_lack_data(image):
            return self[index].label
        with naming_quarantine():
            return self.labels.encode(self._read(label), label)

    def label_note(self, index: int) -> str:
        """Return what is worth knowing of the label of one sample; empty: nothing.

        Raises:
            IndexError, DataError: as for reading the sample.
        """
        note = getattr(self._read, "note", None)
        return note(self.pairs[index].label) if note else ""


def named_files(
    directory: Path,
    *,
    pattern: str = "*",
    ending: str = "",
    suffixes: Sequence[str] = IMAGE_SUFFIXES,
    others: Sequence[str] = (),
) -> dict[str, Path]:
    """Return the files of a directory by the name that image and label share, sorted.

    Files that are not read are counted in one line of the log. Hidden files are never read.

    Args:
        directory: the directory.
        pattern: a glob relative to `directory`; `*/*` descends one level and names hold a `/`.
        ending: what follows the shared name, before the suffix (`_leftImg8bit`).
        suffixes: allowed suffixes, lower case.
        others: suffixes of files that are read for another purpose, lower case.

    Raises:
        DataError: nothing fits (with the pattern), or two files have one name.
    """
    files: dict[str, Path] = {}
    unread = UnreadFiles(directory)
    for path in sorted(directory.glob(pattern)):
        relative, suffix = path.relative_to(directory), path.suffix.lower()
        if is_hidden(relative) or suffix not in suffixes:
            if (is_hidden(relative) or suffix not in others) and path.is_file():
                unread.add(relative)
            continue
        stem = relative.with_suffix("").as_posix()
        if not stem.endswith(ending):
            continue
        name = stem.removesuffix(ending)
        if name in files:
            raise DataError(
                f"two files for one sample in {directory}: {files[name].name} and {path.name}"
            )
        files[name] = path
    if not files:
        names = f"{pattern}{ending}{{{','.join(suffixes)}}}"
        also = f"\n  {unread.line}" if unread else ""
        raise DataError(f"no files in {directory}\n  looked for {names}{also}")
    unread.log()
    return files


def match_pairs(
    images: Mapping[str, Location],
    labels: Mapping[str, Location],
    *,
    remedy: str = "",
    unlabelled_fault: str = "no_partner",
) -> Pairing:
    """Join images and labels of equal name, sorted by name.

    Args:
        images: image files by name.
        labels: label files by name.
        remedy: what to do where no names are equal; empty: the usual remedy.
        unlabelled_fault: the `UnmatchedFile.fault` of images without a label.

    Raises:
        DataError: nothing pairs up, with count and first names.
    """
    unmatched = [
        UnmatchedFile(images[name], "image", "label", fault=unlabelled_fault)
        for name in images
        if name not in labels
    ]
    unmatched += [
        UnmatchedFile(labels[name], "label", "image") for name in labels if name not in images
    ]
    pairs = tuple(
        Pair(name, images[name], labels[name]) for name in sorted(images.keys() & labels.keys())
    )
    if not unmatched:
        return Pairing(pairs)
    among = f"{len(images)} images and {len(labels)} labels"
    if not pairs:
        raise unmatched_error(unmatched, among, remedy or _NO_NAMES)
    return Pairing(pairs, tuple(unmatched), unmatched_error(unmatched, among))


def unmatched_error(unmatched: Sequence[UnmatchedFile], among: str, remedy: str = "") -> DataError:
    """Return the error for files without a partner among so many; the remedy may be another."""
    lines = [f"{among} do not pair up"]
    groups: dict[str, list[str]] = {kind: [] for kind in _UNMATCHED}
    for each in unmatched:
        listed = each.sought is not None and each.fault != NO_ANNOTATION
        groups["listed" if listed else each.kind].append(str(each.sought if listed else each.path))
    lines += [
        f"  {len(paths)} {_UNMATCHED[kind]}: {first_of(paths)}"
        for kind, paths in groups.items()
        if paths
    ]
    bare = [each.fault == NO_ANNOTATION for each in unmatched]
    if any(bare):
        lines.append(f"  {NO_ANNOTATION_REMEDY}")
    if remedy or not all(bare):
        lines.append(remedy or f"  {_COMPLETE}\n{LEAVE_OUT}")
    return DataError("\n".join(lines), fault="no_partner")
