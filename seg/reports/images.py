"""Images embedded in a page: of bounded size, encoded anew so that no metadata comes along."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

_JPEG_QUALITY = 85
_MOST_ANIMATION_BYTES = 8 * 2**20
_PNG_COLORS = 256


@dataclass(frozen=True)
class EmbeddedImage:
    """An image as a data URI, with its size in px."""

    source: str
    width: int
    height: int


def embed_photograph(path: Path, most_px: int) -> EmbeddedImage | None:
    """Embed an image as JPEG; None if it cannot be read."""
    image = _open(path, most_px, Image.Resampling.LANCZOS)
    if image is None:
        return None
    content = BytesIO()
    image.save(content, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return _embed("image/jpeg", content.getvalue(), image)


def embed_drawing(path: Path, most_px: int) -> EmbeddedImage | None:
    """Embed an image of few colors as PNG: a label map keeps its colors and its edges."""
    image = _open(path, most_px, Image.Resampling.NEAREST)
    if image is None:
        return None
    colors = image.getcolors(_PNG_COLORS)
    palette_image = (
        image if colors is None else image.quantize(len(colors), dither=Image.Dither.NONE)
    )
    content = BytesIO()
    palette_image.save(content, "PNG", optimize=True)
    return _embed("image/png", content.getvalue(), image)


def embed_animation(path: Path) -> tuple[EmbeddedImage, EmbeddedImage] | None:
    """Embed a GIF as it is, and its last frame for those who want no movement."""
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
    return _embed("image/gif", content, last), _embed("image/png", still.getvalue(), last)


def _open(path: Path, most_px: int, method: Image.Resampling) -> Image.Image | None:
    """Read an image as RGB, reduced to `most_px`; None if it cannot be read."""
    try:
        with Image.open(path, formats=["PNG", "JPEG", "WEBP"]) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    share = min(1.0, most_px / max(image.size))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image if size == image.size else image.resize(size, method)


def _embed(kind: str, content: bytes, image: Image.Image) -> EmbeddedImage:
    """Return content as a data URI."""
    encoded = base64.b64encode(content).decode()
    return EmbeddedImage(f"data:{kind};base64,{encoded}", image.width, image.height)
