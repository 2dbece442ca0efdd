"""The length of a video file by its container: in bytes for some, in frames for others.

MP4 and QuickTime files consist of boxes, and may have edit lists (ISO/IEC 14496-12).
"""

from collections.abc import Iterator
from pathlib import Path

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # Matroska and WebM (RFC 8794, 9559)
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")  # WMV: the header object
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_SIZE_AT = 40  # of the file's size, in the file properties object
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_MOST_BYTES = 2**27  # of the movie box, which describes the tracks
_NEARLY_ALL = 0.99
_START = 2**16


def counts_frames(path: Path) -> bool:
    """Return whether the container stores the number of its frames.

    Matroska, WebM and WMV store a duration. Times a rate that is a number of frames only if all
    frames last equally long. MP4 and QuickTime files count the frames of a track, of which an edit
    list may present a part.
    """
    start = _read_start(path)
    if start[4:8] in _FIRST_BOXES:
        return not _leaves_frames_out(path)
    return not start.startswith((_EBML, _ASF))


def announced_bytes(path: Path) -> int:
    """Return the length of the file by its container; 0 if it states none."""
    start = _read_start(path)
    if start[4:8] in _FIRST_BOXES:  # beyond the file if the last one is cut off
        return max((end for _, _, end in _top_level(path)), default=0)
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


def _leaves_frames_out(path: Path) -> bool:
    """Return whether the edit list of a video track presents less than the track."""
    for kind, start, end in _top_level(path):
        if kind == b"moov" and end - start <= _MOST_BYTES:
            with path.open("rb") as file:
                file.seek(start)
                return _leaves_out(file.read(end - start))
    return False


def _top_level(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start of the content and end of each box."""
    size = path.stat().st_size
    with path.open("rb") as file:
        place = 0
        while place < size:
            file.seek(place)
            box = _box(file.read(16), place, size)
            if box is None:
                return
            yield box
            place = box[2]


def _inside(content: bytes, *names: bytes) -> Iterator[bytes]:
    """Yield the contents of the boxes that a path of names leads to."""
    place = 0
    while (box := _box(content[place : place + 16], place, len(content))) is not None:
        kind, start, end = box
        if kind == names[0]:
            inner = content[start:end]
            yield from _inside(inner, *names[1:]) if len(names) > 1 else iter((inner,))
        place = end


def _box(head: bytes, place: int, size: int) -> tuple[bytes, int, int] | None:
    """Return the box that begins at a place; None without one."""
    length, kind, begins = int.from_bytes(head[:4]), head[4:8], 8
    if length == 1:
        length, begins = int.from_bytes(head[8:16]), 16
    elif length == 0:  # up to the end of the file
        length = size - place
    named = len(kind) == 4 and all(32 <= byte < 127 or byte == 0xA9 for byte in kind)
    return (kind, place + begins, place + length) if named and length >= begins else None


def _leaves_out(film: bytes) -> bool:
    """Return whether the edit list of a video track in a movie box presents less."""
    film_scale = _scale_and_duration(next(_inside(film, b"mvhd"), b""))[0]
    for track in _inside(film, b"trak"):
        handler = next(_inside(track, b"mdia", b"hdlr"), b"")
        header = next(_inside(track, b"mdia", b"mdhd"), b"")
        scale, duration = _scale_and_duration(header)
        entries = _entries(next(_inside(track, b"edts", b"elst"), b""))
        if handler[8:12] != b"vide" or not entries or not (film_scale and scale and duration):
            continue
        presented = sum(
            min(length * scale / film_scale, duration - start) for length, start in entries
        )
        if presented < _NEARLY_ALL * duration:
            return True
    return False


def _scale_and_duration(header: bytes) -> tuple[int, int]:
    """Return ticks a second and the number of ticks of `mvhd` or `mdhd`; 0 if unknown."""
    wide = header[:1] == b"\1"
    place, size = (20, 8) if wide else (12, 4)
    return int.from_bytes(header[place : place + 4]), int.from_bytes(
        header[place + 4 : place + 4 + size]
    )


def _entries(edit_list: bytes) -> list[tuple[int, int]]:
    """Return length in movie ticks and start in track ticks; empty edits are left out."""
    size = 8 if edit_list[:1] == b"\1" else 4
    row = 2 * size + 4
    pairs = [
        (
            int.from_bytes(edit_list[place : place + size]),
            int.from_bytes(edit_list[place + size : place + 2 * size], signed=True),
        )
        for place in range(8, len(edit_list) - row + 1, row)
    ]
    return [(length, start) for length, start in pairs if start >= 0]
