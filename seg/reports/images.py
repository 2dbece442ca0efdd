"""Pictures as parts of a page: of bounded size, written anew so that nothing else comes along."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

_JPEG_QUALITY = 85
_MOST_ANIMATION_BYTES = 8 * 2**20
_PNG_COLORS = 256


@dataclass(frozen=True)
class Embedded:
    """A picture as a data URI, and its size."""

    source: str
    width: int
    height: int


def photograph(path: Path, most_px: int) -> Embedded | None:
    """A picture, as JPEG; None where there is none that can be read."""
    image = _opened(path, most_px, Image.Resampling.LANCZOS)
    if image is None:
        return None
    content = BytesIO()
    image.save(content, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return _embedded("image/jpeg", content.getvalue(), image)


def drawing(path: Path, most_px: int) -> Embedded | None:
    """A picture of few colours, as PNG: a label map keeps its colours and its edges."""
    image = _opened(path, most_px, Image.Resampling.NEAREST)
    if image is None:
        return None
    colors = image.getcolors(_PNG_COLORS)
    kept = image if colors is None else image.quantize(len(colors), dither=Image.Dither.NONE)
    content = BytesIO()
    kept.save(content, "PNG", optimize=True)
    return _embedded("image/png", content.getvalue(), image)


def animation(path: Path) -> tuple[Embedded, Embedded] | None:
    """A GIF as it is, and its last frame for those who want no movement."""
    try:
        content = path.read_bytes()
        with Image.open(BytesIO(content), formats=["GIF"]) as opened:
            opened.seek(getattr(opened, "n_frames", 1) - 1)
            last = opened.convert("RGB")
    except (OSError, ValueError, EOFError, Image.DecompressionBombError):
        return None
    if len(content) > _MOST_ANIMATION_BYTES:
        return None
    still = BytesIO()
    last.save(still, "PNG", optimize=True)
    return _embedded("image/gif", content, last), _embedded("image/png", still.getvalue(), last)


def _opened(path: Path, most_px: int, method: Image.Resampling) -> Image.Image | None:
    try:
        with Image.open(path, formats=["PNG", "JPEG", "WEBP"]) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    share = min(1.0, most_px / max(image.size))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image if size == image.size else image.resize(size, method)


def _embedded(kind: str, content: bytes, image: Image.Image) -> Embedded:
    encoded = base64.b64encode(content).decode()
    return Embedded(f"data:{kind};base64,{encoded}", image.width, image.height)
