"""Labels of classes that may overlap: one file an image, band or page k is the mask of class k."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.class_masks import MaskClasses, as_mask, mask_classes
from seg.data.readers.class_table import Classes
from seg.data.readers.gdal import gdal_errors, has_gdal, needs_gdal, opened_content
from seg.data.readers.image_decoding import opened
from seg.data.readers.label_file_checks import check_lossless
from seg.data.readers.readers import read_page, read_size
from seg.data.readers.tiff_pages import TiffPage, full_pages, is_tiff, read_pages
from seg.data.readers.urls import Location, read_bytes
from seg.errors import DataError

_BANDS = {"1": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


class BandMasks:
    """A `ReadLabel` of files whose bands or pages are masks.

    Args:
        classes: what they are of.
        order: the name of the class of each band.
        files: the label files; an image that stands for its label is background.
    """

    def __init__(
        self, classes: MaskClasses, order: Sequence[str], files: Sequence[Location]
    ) -> None:
        self._classes = classes
        self._order = tuple(order)
        self._files = frozenset(map(str, files))

    @property
    def settings(self) -> str:
        """Return what beside the classes decides what is read."""
        return f"(bands {self._order})"

    def __call__(self, path: Location) -> NDArray[Any]:
        """Return the codes of a label, H x W.

        Raises:
            DataError: the file cannot be read, has another number of bands, or one holds more than
                two values.
        """
        if str(path) not in self._files:
            return np.zeros(read_size(path), self._classes.labels.dtype)
        bands = read_bands(path)
        if len(bands) != len(self._order):
            raise DataError(
                f"{path}: {len(bands)} bands or pages for {len(self._order)} classes"
                f" ({', '.join(self._order)})\n  give each class a band, in the order of the"
                " classes; all zeros where it does not occur",
                fault="label_kind",
            )
        masks = {
            name: as_mask(band_HW, f"{path}: band {at}")
            for at, (name, band_HW) in enumerate(zip(self._order, bands, strict=True), 1)
        }
        height, width = bands[0].shape
        return self._classes.code([masks[name] for name in self._classes.names], (height, width))


def band_labels(named: Classes | None, files: Sequence[Location]) -> tuple[MaskClasses, BandMasks]:
    """Return the classes of label files with bands, and their reader.

    Args:
        named: the classes of a class file, in the order of the bands; None: they are called
            `class_0` and so on.
        files: the label files, of which the first is asked for the number of its bands.

    Raises:
        DataError: there are no label files, or the first cannot be read.
    """
    if named is not None:
        order = [entry.name for entry in named.entries]
    elif files:
        order = [f"class_{at}" for at in range(len(read_bands(files[0])))]
    else:
        raise DataError("there are no label files")
    classes = mask_classes(named, order)
    return classes, BandMasks(classes, order, files)


def read_bands(path: Location) -> list[NDArray[Any]]:
    """Read the bands or the pages of a label file as they are stored, each H x W.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    content = read_bytes(path, "label")
    if is_tiff(content):
        pages = _pages(content, path)
        if len(pages) > 1:
            return _same_size([read_page(path, page.position) for page in pages], path)
        if pages[0].samples > 1:
            if not has_gdal():
                raise needs_gdal(path, "label", "TIFF file of several bands")
            with opened_content(content, path, pages[0].position) as file, gdal_errors(path):
                return list(np.asarray(file.read()))
    with opened(path, "label") as image:
        check_lossless(image, path)
        if image.pillow is None or image.mode not in _BANDS:
            raise DataError(
                f"{path}: label holds {image.mode} pixels, not bands of masks\n"
                "  give a TIFF of one band or page a class",
                fault="label_kind",
            )
        values = np.asarray(image.pillow)
        return list(np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0))


def _pages(content: bytes, path: Location) -> tuple[TiffPage, ...]:
    try:
        return full_pages(read_pages(BytesIO(content)))
    except Exception as error:  # damaged files raise nearly anything
        raise DataError(
            f"{path}: label is damaged or truncated ({error})\n  copy or download it again",
            fault="damaged",
        ) from error


def _same_size(pages: list[NDArray[Any]], path: Location) -> list[NDArray[Any]]:
    sizes = {page_HW.shape for page_HW in pages}
    if len(sizes) > 1:
        raise DataError(
            f"{path}: its pages differ in size: {', '.join(f'{w} x {h}' for h, w in sizes)}\n"
            "  give all of them the size of the image",
            fault="size_mismatch",
        )
    return pages
