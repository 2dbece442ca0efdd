"""The items of a TIFF or JPEG 2000 file: an image, several pages, or a raster on the map."""

from pathlib import Path

from seg.data.readers.gdal import has_gdal, is_jpeg2000, jpeg2000_size
from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.map_place import is_placed, placed_beside
from seg.data.readers.tiff_pages import TiffPage, full_pages, is_tiff, read_pages
from seg.prediction.items import Item, Kind

_START = 2**16  # of a JPEG 2000 file, with its boxes before the pixels


def raster_items(name: str, path: Path, version: str) -> list[Item]:
    """List the items of a TIFF or JPEG 2000 file.

    Returns:
        `NAME/page_0001` and so on for several pages; else `NAME`, as a raster if it has a place on
        the map or more than `MAX_PIXELS`, and the extra `rasters` is installed.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_START)
            file.seek(0)
            pages = full_pages(read_pages(file)) if is_tiff(start) else ()
    except Exception:  # damaged: the error comes when it is read
        return [Item(name, str(path), version=version)]
    if pages:
        return _tiff_items(name, path, version, pages)
    if not is_jpeg2000(start):  # another format under that name
        return [Item(name, str(path), version=version, placed=placed_beside(path))]
    placed = is_placed(path, start, None)
    height, width = jpeg2000_size(start)
    by_windows = has_gdal() and (placed or height * width > MAX_PIXELS)
    kind: Kind = "raster" if by_windows else "image"
    return [Item(name, str(path), kind, version=version, placed=placed)]


def _tiff_items(name: str, path: Path, version: str, pages: tuple[TiffPage, ...]) -> list[Item]:
    """List the items of the pages of a TIFF."""
    first = pages[0]
    if len(pages) > 1:
        return [
            Item(f"{name}/page_{number:04d}", str(path), "page", page.position, version,
                 placed=page.placed or (page is first and placed_beside(path)))
            for number, page in enumerate(pages, 1)
        ]  # fmt: skip
    placed = is_placed(path, b"", first)
    if has_gdal() and (placed or first.width * first.height > MAX_PIXELS):
        fault = ""
        if first.orientation != 1:
            fault = (
                f"{path}: a raster with orientation {first.orientation}, which GDAL does not turn\n"
                "  turn its pixels and save it without the tag"
            )
        return [Item(name, str(path), "raster", 0, version, fault, placed)]
    # an overview or a mask may stand beside the one page
    return [Item(name, str(path), version=version, placed=placed)]
