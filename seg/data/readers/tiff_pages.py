"""The directories of a TIFF file, read without decoding a pixel (TIFF 6.0, GeoTIFF 1.1)."""

from dataclasses import dataclass, replace
from typing import IO, Any, Literal

from PIL.TiffImagePlugin import ImageFileDirectory_v2

Decoder = Literal["pillow", "opencv", "gdal", "numpy"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG = 43  # BigTIFF's number in the place of 42
_MOST_PAGES = 100_000
_REDUCED_OR_MASK = 0b101  # overviews and masks are no pages of their own
_MASK = 0b100
_NODATA_TAG = 42113  # of GDAL: the value of pixels without data, as text
# pixel scale, tie points, transformation; coefficients of a rational polynomial
_PLACE_TAGS = (33550, 33922, 34264, 50844)
_UNSIGNED, _UNDEFINED = 1, 4
_NOT_BY_PILLOW = {34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_NO_COLORS = {4: "transparency mask", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32803: "CFA",
              32844: "LogL", 32845: "LogLuv", 34892: "LinearRaw"}  # fmt: skip
_JPEG = 7
_OF_OPENCV = (1, 5, 8, 32773, 32946)  # none, LZW, deflate, PackBits, old deflate
_PLAIN_BITS = (1, 2, 4, 8, 16, 32)
_ALPHA = (1, 2)  # ExtraSamples: associated, unassociated


@dataclass(frozen=True)
class TiffPage:
    """One directory of a TIFF file.

    Attributes:
        position: among all directories, from 0.
        width, height: pixels, as stored.
        bits: of a sample.
        samples: of a pixel.
        separate: whether bands are stored one after another (PlanarConfiguration 2).
        photometric: PhotometricInterpretation.
        unsigned: whether samples are unsigned integers.
        extra: ExtraSamples.
        compression: its number.
        orientation: 1 to 8; 1 is upright.
        reduced: an overview or a mask of another page.
        placed: whether it has a place on the map.
        masked: whether a value or another directory says which pixels lack data.
    """

    position: int
    width: int
    height: int
    bits: int
    samples: int
    separate: bool
    photometric: int
    unsigned: bool
    extra: tuple[int, ...]
    compression: int
    orientation: int
    reduced: bool
    placed: bool
    masked: bool

    @property
    def white_is_zero(self) -> bool:
        """Return whether the value 0 means white."""
        return self.photometric == _WHITE_IS_ZERO

    @property
    def is_cmyk(self) -> bool:
        """Return whether its samples are CMYK."""
        return self.photometric == _CMYK

    @property
    def is_jpeg_color(self) -> bool:
        """Return whether its colors are JPEG's, of which decoders enlarge the coarser channels."""
        return self.photometric == _YCBCR and self.compression == _JPEG

    @property
    def is_converted(self) -> bool:
        """Return whether decoders compute RGB from other colors, each in its own way."""
        return self.photometric in (_CMYK, _YCBCR) and not self.is_jpeg_color

    @property
    def foreign_colors(self) -> str:
        """Return the name of colors that nothing here makes RGB; empty for others."""
        known = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR)
        number = self.photometric
        return "" if number in known else _NO_COLORS.get(number, f"photometric {number}")

    @property
    def single_band(self) -> bool:
        """Return whether it is grey or palette indices, one sample a pixel."""
        grey = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _PALETTE)
        return self.samples == 1 and self.photometric in grey

    @property
    def decoder(self) -> Decoder:
        """Return the decoder that changes or loses no value of it."""
        if self.compression in _NOT_BY_PILLOW:
            return "gdal"
        if self.single_band:
            plain = self.bits in _PLAIN_BITS or (self.bits == 12 and not self.white_is_zero)
            signed_byte = self.bits <= 8 and not self.unsigned
            return "pillow" if plain and not signed_byte else "gdal"
        plain_rgb = self.photometric == _RGB and self.samples == 3 and self.bits == 8
        if not self.unsigned or (self.separate and not plain_rgb):
            return "gdal"
        if self.bits == 16 and self._color:
            return "opencv" if self.compression in _OF_OPENCV else "gdal"
        return "pillow" if self.bits == 8 and self._known_to_pillow else "gdal"

    @property
    def has_alpha(self) -> bool:
        """Return whether its last sample, and no other further one, is marked as alpha."""
        return len(self.extra) == 1 and self.extra[0] in _ALPHA

    @property
    def _color(self) -> bool:
        alone = self.samples == 3
        return self.photometric == _RGB and (alone or (self.samples == 4 and self.has_alpha))

    @property
    def _known_to_pillow(self) -> bool:
        grey_alpha = self.photometric == _BLACK_IS_ZERO and self.samples == 2 and self.has_alpha
        cmyk = self.photometric == _CMYK and self.samples == 4
        return self._color or grey_alpha or cmyk or self.photometric == _YCBCR

    @property
    def mode(self) -> str:
        """Return Pillow's name of its pixels, or the number of its bands."""
        if self.single_band:
            deep = "I;16" if self.bits > 8 else "L"
            return "P" if self.photometric == _PALETTE else deep
        return "RGB" if self._color else f"{self.samples} bands"

    def describe(self) -> str:
        """Name what makes it hard to decode."""
        stored = ", bands one after another" if self.separate and self.samples > 1 else ""
        packed = _NOT_BY_PILLOW.get(self.compression)
        return (
            f"TIFF of {self.samples} x {self.bits} bits{stored}"
            f"{f', {packed} compression' if packed else ''}"
        )


def is_tiff(start: bytes) -> bool:
    """Return whether a file that starts so is a TIFF."""
    return start[:4] in _MAGIC


def is_big_endian_bigtiff(start: bytes) -> bool:
    """Return whether it is a big-endian BigTIFF, which Pillow does not read."""
    return start[:4] == b"MM\0+"


def read_pages(file: IO[bytes]) -> tuple[TiffPage, ...]:
    """Return the directories of a TIFF file in their order.

    Raises:
        ValueError, SyntaxError, and what damaged files let Pillow raise.
    """
    start = file.read(8)
    if start[2] == _BIG or start[3] == _BIG:
        start += file.read(8)
    directory = ImageFileDirectory_v2(start[:8] if is_big_endian_bigtiff(start) else start)
    if is_big_endian_bigtiff(start):  # which Pillow takes for an ordinary TIFF
        directory._bigtiff, directory.next = True, int.from_bytes(start[8:16])
    pages: list[TiffPage] = []
    seen: set[int] = set()
    has_masks = False
    place = directory.next
    while place:
        if place in seen or len(pages) >= _MOST_PAGES:
            raise ValueError("its directories go in a circle")
        seen.add(place)
        file.seek(place)
        directory.load(file)
        pages.append(_page(len(pages), directory))
        has_masks = has_masks or bool(int(directory.get(254, 0)) & _MASK)
        place = directory.next
    if not pages:
        raise ValueError("it has no directory")
    return tuple(replace(page, masked=True) for page in pages) if has_masks else tuple(pages)


def full_pages(pages: tuple[TiffPage, ...]) -> tuple[TiffPage, ...]:
    """Return the pages that are no overviews or masks; the first where all are marked as such."""
    return tuple(page for page in pages if not page.reduced) or pages[:1]


def _page(position: int, tags: Any) -> TiffPage:
    bits = _numbers(tags.get(258, 1))
    extra = _numbers(tags.get(338, ()))
    kinds = set(_numbers(tags.get(339, _UNSIGNED)))
    return TiffPage(
        position=position,
        width=int(tags[256]),
        height=int(tags[257]),
        bits=max(bits),
        samples=int(tags.get(277, 1)),
        separate=int(tags.get(284, 1)) == 2,
        photometric=int(tags.get(262, _BLACK_IS_ZERO)),
        unsigned=kinds <= {_UNSIGNED, _UNDEFINED},
        extra=tuple(map(int, extra)),
        compression=int(tags.get(259, 1)),
        orientation=int(tags.get(274, 1)),
        reduced=bool(int(tags.get(254, 0)) & _REDUCED_OR_MASK),
        placed=any(tag in tags for tag in _PLACE_TAGS),
        masked=_NODATA_TAG in tags,
    )


def _numbers(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
