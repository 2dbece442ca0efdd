"""MP4 files show what their edit lists say; those that are cut off are told by their bytes."""

import struct

import cv2
import numpy as np
import pytest

from seg.errors import DataError
from seg.prediction.inputs import list_items
from seg.prediction.reader import ItemReader

FRAMES, TICKS = 30, 1024  # of a frame, of a track of 10,240 a second; the film has 1,000 a second


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("films") / "a.mp4"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for number in range(FRAMES):
        video.write(np.full((48, 64, 3), 8 * number, np.uint8))
    video.release()
    return path.read_bytes()


def with_edits(film, entries, *, wide=False):
    """The film with another edit list: lengths in the film's ticks, starts in the track's."""
    row = ">Qqi" if wide else ">Iii"
    rows = b"".join(struct.pack(row, length, start, 1 << 16) for length, start in entries)
    edits = struct.pack(">I4sBxxxI", 16 + len(rows), b"elst", wide, len(entries)) + rows
    place = film.index(b"elst") - 4
    length = int.from_bytes(film[place : place + 4])
    changed = bytearray(film[:place] + edits + film[place + length :])
    for kind in (b"moov", b"trak", b"edts"):
        grown(changed, kind, len(edits) - length)
    return bytes(changed)


def grown(film, kind, by):
    place = film.index(kind) - 4
    film[place : place + 4] = (int.from_bytes(film[place : place + 4]) + by).to_bytes(4)


def opened(path, content):
    path.write_bytes(content)
    return list_items(str(path), output=path.parent / "out")


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("entries", "shown"),
    [([(1000, 0)], range(10)), ([(1000, 10 * TICKS)], range(10, 20)),
     ([(500, -1), (3000, 0)], range(30)), ([(3000, 0)], range(30)),
     ([(1000, 0), (1000, 20 * TICKS)], (*range(10), *range(20, 30)))],
)  # fmt: skip
def test_what_an_edit_list_shows(tmp_path, film, entries, shown, wide):
    items = opened(tmp_path / "a.mp4", with_edits(film, entries, wide=wide))
    assert [item.fault for item in items] == [""] * len(shown)
    opener = ItemReader()
    for item, number in list(zip(items, shown, strict=True))[::4]:
        frame = opener.open(item).read(slice(0, 48), slice(0, 64))
        assert abs(frame.mean() - 8 * number) < 4


@pytest.mark.parametrize("shown", ["all", "a part"])
def test_a_film_that_is_cut_off(tmp_path, film, shown):
    whole = with_edits(film, [(1000, 0)]) if shown == "a part" else film
    with pytest.raises(DataError, match="no video that OpenCV can decode"):
        ItemReader().open(opened(tmp_path / "a.mp4", whole[:-200])[0])
    data, description = whole.index(b"mdat") - 4, whole.index(b"moov") - 4
    head, length = whole[:data], len(whole) - description
    moved = bytearray(head + whole[description:] + whole[data:description])
    place = moved.index(b"stco") + 12
    moved[place : place + 4] = (int.from_bytes(moved[place : place + 4]) + length).to_bytes(4)
    assert len(opened(tmp_path / "b.mp4", moved)) == (10 if shown == "a part" else 30)
    *_, last = opened(tmp_path / "b.mp4", moved[:-100])
    assert f"{len(whole) - 100} of {len(whole)} bytes; copy it again" in last.fault
    padded = opened(tmp_path / "b.mp4", moved + bytes(100))
    assert not any(item.fault for item in padded)
