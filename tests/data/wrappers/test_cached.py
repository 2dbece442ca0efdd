"""Decoded samples on disk: damaged, half-written and unreadable files are decoded again."""

import logging
import signal
import struct
import subprocess
import sys
import zlib
from functools import partial

import numpy as np
import pytest
from PIL import Image

from seg.data.readers.value_range import ImageDecoding
from seg.io.atomic import STAGED
from tests.data.wrappers.cached_pair import dataset_in

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
IDS = np.random.default_rng(1).integers(0, 3, (4, 6)).astype(np.uint8)

KILLED = """
import sys
from pathlib import Path
from tests.data.wrappers.cached_pair import dataset_in
from tests.faults import kill_before
kill_before("000000.pixels")
dataset_in(Path(sys.argv[1]))[0]
"""


@pytest.fixture
def cached(tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    Image.fromarray(IDS).save(tmp_path / "ids.png")
    assert dataset_in(tmp_path)[0].name == "a"
    return partial(dataset_in, tmp_path)


def assert_right(sample):
    np.testing.assert_array_equal(sample.image, IMAGE)
    np.testing.assert_array_equal(sample.label, IDS)
    assert sample.name == "a"


def the_file(tmp_path):
    (path,) = (tmp_path / "cache").rglob("*.pixels")
    return path


def test_no_byte_can_change_unnoticed(cached, tmp_path):
    path = the_file(tmp_path)
    sound = path.read_bytes()
    for position in range(len(sound)):
        content = bytearray(sound)
        content[position] ^= 1 << position % 8
        path.write_bytes(content)
        assert_right(cached()[0])
        assert path.read_bytes() == sound


def test_a_header_that_fits_its_length_is_not_believed(cached, tmp_path, caplog):
    path = the_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[8:16] = struct.pack("<II", 6, 4)  # height and width exchanged
    path.write_bytes(content)
    assert_right(cached()[0])
    assert "damaged (wrong checksum), decoded again" in caplog.text


@pytest.fixture
def deep(tmp_path):
    """A cached dataset whose image has fractions."""
    Image.fromarray(IDS.astype(np.uint16) * 7).save(tmp_path / "a.png")
    Image.fromarray(IDS).save(tmp_path / "ids.png")
    return partial(dataset_in, tmp_path, ImageDecoding(value_range=(0, 100)))


def test_fractions_are_cached_as_they_are(deep, tmp_path):
    plain = deep().source[0]
    assert plain.image.dtype == np.float32
    assert np.modf(plain.image)[0].any()
    for dataset in (deep(), deep()):
        np.testing.assert_array_equal(dataset[0].image, plain.image)
        assert dataset[0].image.dtype == np.float32
        assert dataset[0].image.flags.aligned
        np.testing.assert_array_equal(dataset[0].label, IDS)
    path = the_file(tmp_path)
    assert path.read_bytes()[:8] == b"segpix03"
    sound = path.read_bytes()
    for position in range(0, len(sound), 13):
        content = bytearray(sound)
        content[position] ^= 1 << position % 8
        path.write_bytes(content)
        np.testing.assert_array_equal(deep()[0].image, plain.image)
        assert path.read_bytes() == sound


def test_8_bit_rgb_keeps_its_format(cached, tmp_path):
    content = the_file(tmp_path).read_bytes()
    assert content[:8] == b"segpix02"
    assert len(content) == 24 + len("a") + 4 * IDS.size


def test_what_an_older_version_wrote_is_written_anew(cached, tmp_path, caplog):
    path = the_file(tmp_path)
    sound = path.read_bytes()
    content = b"a" + IMAGE.tobytes() + IDS.tobytes()
    path.write_bytes(struct.pack("<8sIIII", b"segpix01", 4, 6, 1, zlib.crc32(content)) + content)
    with caplog.at_level(logging.WARNING):
        assert_right(cached()[0])
    assert not caplog.text
    assert path.read_bytes() == sound


def test_the_next_start_removes_what_a_killed_process_leaves_in_a_cache(tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    Image.fromarray(IDS).save(tmp_path / "ids.png")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (staged,) = (tmp_path / "cache").glob("*/*")
    assert staged.name.startswith(STAGED)
    dataset = dataset_in(tmp_path)
    assert not list((tmp_path / "cache").glob("*/*"))
    for _ in range(2):
        assert np.array_equal(dataset[0].image, IMAGE)
    assert [path.name for path in (tmp_path / "cache").glob("*/*")] == ["000000.pixels"]
