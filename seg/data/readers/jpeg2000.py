"""Headers of JPEG 2000 files (ISO/IEC 15444-1)."""

_JPEG2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")  # a file, a bare codestream


def is_jpeg2000(start: bytes) -> bool:
    """Return whether a file that starts so is a JPEG 2000 file."""
    return start.startswith(_JPEG2000)


def jpeg2000_bits(content: bytes) -> int:
    """Return the bits of the deepest component (ISO/IEC 15444-1, A.5.1); 8 without a header."""
    start = content.find(b"\xff\x4f\xff\x51")
    count = int.from_bytes(content[start + 40 : start + 42])
    depths = content[start + 42 : start + 42 + 3 * count : 3]
    return max(((depth & 0x7F) + 1 for depth in depths), default=8) if start >= 0 else 8


def jpeg2000_bands(content: bytes) -> int:
    """Return the number of components (ISO/IEC 15444-1, A.5.1); 0 without a header."""
    start = content.find(b"\xff\x4f\xff\x51")
    return int.from_bytes(content[start + 40 : start + 42]) if start >= 0 else 0


def jpeg2000_size(content: bytes) -> tuple[int, int]:
    """Return height and width of the reference grid (ISO/IEC 15444-1, A.5.1), or (0, 0)."""
    start = content.find(b"\xff\x4f\xff\x51")
    width, height, left, top = (
        int.from_bytes(content[start + place : start + place + 4]) for place in (8, 12, 16, 20)
    )
    return (height - top, width - left) if start >= 0 else (0, 0)
