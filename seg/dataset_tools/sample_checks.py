"""Strict reading of one sample, with everything that is wrong with it; raises nothing."""

from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.readers.band_files import files_of
from seg.data.readers.image_decoding import PLAIN_CHUNKS, opened
from seg.data.readers.image_label_pairs import PairDataset
from seg.data.readers.image_pixels import orientation_of
from seg.data.readers.readers import read_filled
from seg.data.readers.stored_values import stored_bits
from seg.data.readers.urls import Location
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import SegmentationDataset
from seg.data.wrappers.excluded import Finding, plain_text
from seg.dataset_tools.duplicates import Appearance, appearance
from seg.dataset_tools.value_ranges import Extent, WatchedDecoding
from seg.errors import DataError

_UPRIGHT = 1
_SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange width and height (Exif 2.3, tag 274)
_SAME_FORMAT = {"MPO": "JPEG"}  # a phone's JPEG with previews behind it
_LABEL_KINDS = {"P": "palette", "1": "1-bit", "L": "8-bit", "I": "32-bit"}


@dataclass
class Inspection:
    """Findings on one sample.

    Attributes:
        split: its split.
        name: of the sample; its position, as `#7`, if it could not be read.
        faults: what is wrong.
        notes: what is worth knowing.
        label_kind: how its label file stores values; None without a file, or if it is no image.
        look: what is stored of the pixels; None if the image could not be read.
        classes: train ids in its label; None if that could not be read.
        extent: of the values of its image file, with more than 8 bits or a declared range.
    """

    split: str
    name: str
    faults: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    label_kind: str | None = None
    look: Appearance | None = None
    classes: frozenset[int] | None = None
    extent: Extent | None = None

    def fault(self, file: Location, error: Exception, *, kind: str | None = None) -> None:
        """Record what a reader raised."""
        if isinstance(error, DataError):
            finding = self._finding(file, kind or error.fault, str(error))
            values = {plain_text(value): count for value, count in error.values.items()}
            self.faults.append(finding.model_copy(update={"values": values}))
        else:
            message = f"{file}: reading failed: {type(error).__name__}: {error}"
            self.faults.append(self._finding(file, "reader_failed", message))

    def note(self, file: Location, kind: str, message: str) -> None:
        """Record what does not exclude the sample."""
        self.notes.append(self._finding(file, kind, f"{file}: {message}"))

    def _finding(self, file: Location, kind: str, message: str) -> Finding:
        name, path, text = (plain_text(each) for each in (self.name, str(file), message))
        return Finding(split=self.split, sample=name, file=path, kind=kind, message=text)


@dataclass(frozen=True)
class _Header:
    """Facts of an image file's header."""

    format: str
    mode: str
    depth: int
    orientation: int


def inspect(dataset: SegmentationDataset, index: int) -> Inspection:
    """Read sample `index`; of a `PairDataset` both files, even if the first is broken."""
    if isinstance(dataset, PairDataset):
        return _inspect_pair(dataset, index)
    inspection = Inspection(dataset.split, f"#{index}")
    watched = WatchedDecoding.of(getattr(dataset, "decoding", PLAIN))
    watching: Any = copy(dataset)
    watching.decoding = watched
    try:
        sample = watching[index]
        inspection.name = sample.name
        inspection.look = appearance(sample.image, sample.label)
        if sample.image.shape[:2] != sample.label.shape:
            sizes = f"{sample.image.shape[:2]} and {sample.label.shape}"
            message = f"{sample.name}: image and label differ in size (height, width): {sizes}"
            raise DataError(message, fault="size_mismatch")
    except Exception as error:  # a reader may raise anything; the others go on
        inspection.fault("", error)
        return inspection
    finally:
        inspection.extent = next(iter(watched.extents), None)
    _record_classes(inspection, dataset, sample.label, sample.name)
    return inspection


def _inspect_pair(dataset: PairDataset, index: int) -> Inspection:
    pair = dataset.pairs[index]
    inspection = Inspection(dataset.split, pair.name)
    image_HWC, orientation = _inspect_image(inspection, pair.image, dataset.decoding)
    label_HW = _inspect_label(inspection, dataset, index)
    if image_HWC is None:
        return inspection
    inspection.look = appearance(image_HWC, label_HW)
    if label_HW is None:
        return inspection
    as_stored = image_HWC.shape[1::-1] if orientation in _SIDEWAYS else image_HWC.shape[:2]
    fits = image_HWC.shape[:2] == label_HW.shape
    if not fits or type(dataset).__getitem__ is not PairDataset.__getitem__:
        unturned = not fits and orientation in _SIDEWAYS and as_stored == label_HW.shape
        try:
            dataset[index]
        except Exception as error:
            inspection.fault(pair.label, error, kind="unturned_label" if unturned else None)
            return inspection
    if orientation != _UPRIGHT:
        turned = f"EXIF orientation {orientation}: the image is turned upright when it is read"
        fit = "the label fits it"
        if as_stored == label_HW.shape:
            fit = "look whether the label fits it: sizes cannot tell"
        inspection.note(pair.image, "exif_orientation", f"{turned}; {fit}")
    return inspection


def _inspect_image(
    inspection: Inspection, path: Location, decoding: ImageDecoding
) -> tuple[NDArray[np.uint8] | None, int]:
    """Return the upright image, None if it cannot be read, and its EXIF orientation."""
    watched = WatchedDecoding.of(decoding)
    try:
        for file in files_of(path):
            header = _read_header(file, "image")
            _note_suffix(inspection, file, header)
        return read_filled(path, watched)[0], header.orientation
    except Exception as error:
        inspection.fault(path, error)
        return None, _UPRIGHT
    finally:
        inspection.extent = next(iter(watched.extents), None)


def _inspect_label(
    inspection: Inspection, dataset: PairDataset, index: int
) -> NDArray[np.uint8] | None:
    """Return the label of class ids; None if it cannot be read."""
    path = dataset.pairs[index].label
    try:
        stands_for_itself = path == dataset.pairs[index].image  # an image without annotation
        header = None if stands_for_itself else _read_header(path, "label")
    except Exception:  # no image: the dataset's own reader knows what it is, or what is wrong
        header = None
    if header is not None:
        inspection.label_kind = _label_kind(header)
        _note_suffix(inspection, path, header)
    try:
        label_HW = dataset.read_label(index)
        if note := dataset.label_note(index):
            inspection.note(path, "empty_shape", note)
    except Exception as error:
        inspection.fault(path, error)
        return None
    _record_classes(inspection, dataset, label_HW, path)
    return label_HW


def _read_header(path: Location, kind: str) -> _Header:
    with opened(path, kind) as file:
        # Asking Pillow for the orientation of a PNG decodes it.
        plain = bool(file.chunks) and file.chunks <= PLAIN_CHUNKS
        return _Header(
            format=file.format,
            mode=file.mode,
            depth=stored_bits(file),
            orientation=_UPRIGHT if plain else orientation_of(file),
        )


def _label_kind(header: _Header) -> str:
    """Name how a label file stores values."""
    if header.format in ("JPEG", "MPO", "WEBP"):
        return header.format
    if header.mode.startswith("I;16"):
        return "16-bit"
    if header.mode == "L" and header.depth < 8:
        return f"{header.depth}-bit"
    return _LABEL_KINDS.get(header.mode, header.mode)


def _note_suffix(inspection: Inspection, path: Location, header: _Header) -> None:
    """Note a file whose suffix names another format."""
    suffix = Path(str(path)).suffix.lower()
    meant = Image.registered_extensions().get(suffix)
    is_format = _SAME_FORMAT.get(header.format, header.format)
    if meant is not None and _SAME_FORMAT.get(meant, meant) != is_format:
        inspection.note(path, "wrong_suffix", f"is a {is_format} file named {suffix}")


def _record_classes(
    inspection: Inspection,
    dataset: SegmentationDataset,
    label_HW: NDArray[np.uint8],
    file: Location,
) -> None:
    """Record the classes of a label; note one without any."""
    present = set(np.flatnonzero(np.bincount(label_HW.ravel())).tolist())
    inspection.classes = frozenset(present - {dataset.labels.ignore_index})
    if not inspection.classes:
        inspection.note(file, "all_ignored", "no pixel of the label counts, all are ignored")
