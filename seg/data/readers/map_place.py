"""Detection of image files that lie on the map, by their own tags or by a file beside them."""

from pathlib import Path

from seg.data.readers.gdal import has_gdal, lies_on_a_map
from seg.data.readers.jpeg2000 import is_jpeg2000
from seg.data.readers.tiff_pages import TiffPage
from seg.data.readers.urls import Location, is_remote

_PLACES = (b"<GeoTransform", b"<GCPList", b"<SRS")  # in the .aux.xml files of GDAL
_LARGEST_SIDECAR = 2**20
_START = 2**16  # of a JPEG 2000 file, with its boxes before the pixels
_GEO_JP2 = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")  # the UUID of GeoJP2's box
_GML_JP2 = b"gml.data"


def is_placed(path: Location, content: bytes, page: TiffPage | None) -> bool:
    """Return whether a TIFF or JPEG 2000 file lies on the map.

    Args:
        path: of the file; no other file is sought beside an address.
        content: the file, or its first 64 KiB.
        page: of a TIFF, the directory that is read.
    """
    if page is not None and page.placed:
        return True
    start = content[:_START]
    marked = is_jpeg2000(start) and (_GEO_JP2 in start or _GML_JP2 in start)
    if is_remote(path):
        return marked
    hinted = marked or placed_beside(Path(path))
    return hinted and (lies_on_a_map(Path(path)) if has_gdal() else True)


def placed_beside(path: Path) -> bool:
    """Return whether a world file, or a side file of GDAL's, gives an image its place on the map.

    World files share the image's name: `.tfw`, `.tifw` or `.wld` of `.tif`.
    """
    suffix = path.suffix
    worlds = {f"{suffix}w", f"{suffix[:2]}{suffix[-1:]}w", ".wld"}
    if suffix.lower() == ".tiff":
        worlds.add(".tfw")
    worlds |= {world.upper() for world in worlds}
    if any(_is_there(path.with_suffix(world)) for world in sorted(worlds)):
        return True
    sidecar = path.with_name(f"{path.name}.aux.xml")
    if not _is_there(sidecar):
        return False
    with sidecar.open("rb") as file:
        content = file.read(_LARGEST_SIDECAR)
    return any(mark in content for mark in _PLACES)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, say
        return False
