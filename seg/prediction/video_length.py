"""The length of a video file by its container: in bytes for some, in frames for others."""

from pathlib import Path

from seg.prediction.edit_list import end_of_boxes, is_iso_media, leaves_frames_out

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # Matroska and WebM (RFC 8794, 9559)
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")  # WMV: the header object
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_SIZE_AT = 40  # of the file's size, in the file properties object
_START = 2**16


def counts_frames(path: Path) -> bool:
    """Return whether the container stores the number of its frames.

    Matroska, WebM and WMV store a duration. Times a rate that is a number of frames only if all
    frames last equally long. MP4 and QuickTime files count the frames of a track, of which an edit
    list may present a part.
    """
    start = _read_start(path)
    if is_iso_media(start):
        return not leaves_frames_out(path)
    return not start.startswith((_EBML, _ASF))


def announced_bytes(path: Path) -> int:
    """Return the length of the file by its container; 0 if it states none."""
    start = _read_start(path)
    if is_iso_media(start):
        return end_of_boxes(path)
    if start.startswith(_EBML):
        return _end_of_segment(start)
    place = start.find(_ASF_PROPERTIES)
    if start.startswith(_ASF) and place >= 0:
        return int.from_bytes(start[place + _ASF_SIZE_AT :][:8], "little")
    return 0


def _end_of_segment(start: bytes) -> int:
    """Return the end of a Matroska segment; 0 if unknown."""
    header_bytes, size_bytes = _number(start, len(_EBML))
    place = len(_EBML) + size_bytes + header_bytes
    if header_bytes < 0 or start[place : place + 4] != _SEGMENT:
        return 0
    length, size_bytes = _number(start, place + len(_SEGMENT))
    return 0 if length < 0 else place + len(_SEGMENT) + size_bytes + length


def _number(content: bytes, place: int) -> tuple[int, int]:
    """Return a number of variable length and its bytes; -1: unknown, as in live streams."""
    first = content[place] if place < len(content) else 0
    size = 9 - first.bit_length()
    if size > 8:
        return -1, 1
    value = int.from_bytes(content[place : place + size]) & (1 << 7 * size) - 1
    return (-1 if value == (1 << 7 * size) - 1 else value), size


def _read_start(path: Path) -> bytes:
    """Read the start of a file."""
    with path.open("rb") as file:
        return file.read(_START)
