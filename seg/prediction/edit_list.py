"""Boxes of MP4 and QuickTime files, and their edit lists (ISO/IEC 14496-12)."""

from collections.abc import Iterator
from pathlib import Path

_FIRST = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_MOST_BYTES = 2**27  # of the movie box, which describes the tracks
_NEARLY_ALL = 0.99


def is_iso_media(start: bytes) -> bool:
    """Return whether a file that starts so consists of boxes."""
    return start[4:8] in _FIRST


def end_of_boxes(path: Path) -> int:
    """Return the end of the last box by its size; beyond the file if that is cut off."""
    return max((end for _, _, end in _top_level(path)), default=0)


def leaves_frames_out(path: Path) -> bool:
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
