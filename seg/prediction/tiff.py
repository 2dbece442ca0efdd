"""What a TIFF holds: a picture, several pages, or a raster with a place on the map."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from seg.data.files.pictures import MAX_PIXELS
from seg.prediction.items import Item

_SUBFILE, _REDUCED_OR_MASK = 254, 0b101  # TIFF 6.0: overviews and masks are no pages of their own
_PLACED = (33550, 33922, 34264)  # GeoTIFF 1.1: pixel scale, tie points, transformation
_BOMB_LIMIT = Image.MAX_IMAGE_PIXELS


def reads_windows() -> bool:
    """Whether the extra `rasters` is there."""
    return find_spec("rasterio") is not None


@dataclass(frozen=True)
class TiffHeader:
    """Attributes: the positions of its pages; whether it has a place; pixels of the first page."""

    pages: tuple[int, ...]
    placed: bool
    pixels: int


def tiff_items(name: str, path: Path, version: str) -> list[Item]:
    """The items of a TIFF.

    Returns:
        `NAME/page_0001` and so on for several pages; else `NAME`, as a raster where it has a place
        on the map or more than `MAX_PIXELS`, and the extra `rasters` is installed.
    """
    try:
        header = read_header(path)
    except Exception:  # damaged, or of a kind that Pillow does not know: reading it will tell
        by_windows = reads_windows() and _opens(path)
        return [Item(name, str(path), "raster" if by_windows else "picture", version=version)]
    if len(header.pages) > 1:
        return [
            Item(f"{name}/page_{number:04d}", str(path), "page", position, version)
            for number, position in enumerate(header.pages, 1)
        ]
    if reads_windows() and (header.placed or header.pixels > MAX_PIXELS):
        return [Item(name, str(path), "raster", version=version)]
    # an overview or a mask may stand beside the one page
    return [Item(name, str(path), "page", header.pages[0], version)]


def read_header(path: Path) -> TiffHeader:
    """The tags of every directory of a TIFF; no pixel is decoded."""
    pages = []
    with _no_limit(), Image.open(path) as picture:
        tags = picture.tag_v2  # type: ignore[attr-defined]
        placed = any(tag in tags for tag in _PLACED)
        pixels = picture.width * picture.height
        for position in range(getattr(picture, "n_frames", 1)):
            picture.seek(position)
            tags = picture.tag_v2  # type: ignore[attr-defined]
            if not int(tags.get(_SUBFILE, 0)) & _REDUCED_OR_MASK:
                pages.append(position)
    return TiffHeader(tuple(pages) or (0,), placed, pixels)


def _opens(path: Path) -> bool:
    import rasterio

    try:
        with rasterio.open(path):
            return True
    except rasterio.errors.RasterioError:
        return False


@contextmanager
def _no_limit() -> Iterator[None]:
    """Headers alone are read, of any size; nothing else reads pictures meanwhile."""
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = _BOMB_LIMIT
