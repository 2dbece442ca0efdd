"""What a TIFF or JPEG 2000 file holds: a picture, several pages, or a raster on the map."""

from pathlib import Path

from seg.data.files.gdal import has_gdal, is_jpeg2000, jpeg2000_size, lies_on_a_map
from seg.data.files.pictures import MAX_PIXELS
from seg.data.files.tiff_pages import TiffPage, full_pages, is_tiff, read_pages
from seg.prediction.items import Item, Kind
from seg.prediction.places import placed_beside

_START = 2**16  # of a JPEG 2000 file, with its boxes before the pixels
_GEO_JP2 = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")  # the UUID of GeoJP2's box
_GML_JP2 = b"gml.data"


def raster_items(name: str, path: Path, version: str) -> list[Item]:
    """The items of a TIFF or JPEG 2000 file.

    Returns:
        `NAME/page_0001` and so on for several pages; else `NAME`, as a raster where it has a place
        on the map or more than `MAX_PIXELS`, and the extra `rasters` is installed.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_START)
            file.seek(0)
            pages = full_pages(read_pages(file)) if is_tiff(start) else ()
    except Exception:  # damaged: reading it will tell
        return [Item(name, str(path), version=version)]
    if pages:
        return _tiff_items(name, path, version, pages)
    if not is_jpeg2000(start):  # another format under that name
        return [Item(name, str(path), version=version, placed=placed_beside(path))]
    marked = _GEO_JP2 in start or _GML_JP2 in start
    placed = _is_placed(path, marked=marked)
    height, width = jpeg2000_size(start)
    by_windows = has_gdal() and (placed or height * width > MAX_PIXELS)
    kind: Kind = "raster" if by_windows else "picture"
    return [Item(name, str(path), kind, version=version, placed=placed)]


def _tiff_items(name: str, path: Path, version: str, pages: tuple[TiffPage, ...]) -> list[Item]:
    first = pages[0]
    if len(pages) > 1:
        return [
            Item(f"{name}/page_{number:04d}", str(path), "page", page.position, version,
                 placed=page.placed or (page is first and placed_beside(path)))
            for number, page in enumerate(pages, 1)
        ]  # fmt: skip
    placed = first.placed or _is_placed(path)
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


def _is_placed(path: Path, *, marked: bool = False) -> bool:
    """Whether GDAL sees a place, or, without it, whether something hints at one."""
    hinted = marked or placed_beside(path)
    return hinted and (lies_on_a_map(path) if has_gdal() else True)
