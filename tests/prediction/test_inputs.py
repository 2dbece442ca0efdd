"""Every kind of input becomes items with names that stay."""

import logging
import re
import shutil
import struct

import cv2
import fsspec
import numpy as np
import pytest
from PIL import Image

from seg.data.readers.image_decoding import opened
from seg.errors import ConfigError, DataError
from seg.prediction.inputs import list_items
from seg.prediction.items import shard_items
from seg.prediction.reader import ItemReader
from tests.prediction.conftest import SIZE, film


def plant(path, value=7):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (value, 0, 0)).save(path)
    return path


def pixels(item, **choices):
    raster = ItemReader(**choices).open(item)
    return raster.read(slice(0, raster.height), slice(0, raster.width))


def names(given, tmp_path, **choices):
    return [item.name for item in list_items(str(given), output=tmp_path / "out", **choices)]


def test_a_file_of_any_suffix(tmp_path):
    path = plant(tmp_path / "a.png").rename(tmp_path / "a.picture")
    (item,) = list_items(str(path), output=tmp_path)
    assert item.name == "a"
    assert pixels(item)[0, 0].tolist() == [7, 0, 0]


def test_a_folder_with_its_subfolders_but_not_its_results(tmp_path):
    for name in ("b.png", "deep/a.jpg", "out/b.png", "out2/c.png", "notes.txt"):
        plant(tmp_path / f"in/{name}.png").rename(tmp_path / f"in/{name}")
    output = tmp_path / "in/out"
    found = [item.name for item in list_items(str(tmp_path / "in"), output=output)]
    assert found == ["b", "deep/a", "out2/c"]


def test_what_is_not_read_is_counted_by_kind(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    image = plant(tmp_path / "in/a.png").read_bytes()
    (tmp_path / "in/._a.png").write_bytes(b"\0\5\x16\7")
    for name in (".ipynb_checkpoints/a.png", "@eaDir/b.png", "c.heic", "d.avif", "e.txt", "a.tfw"):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image)
    assert names(tmp_path / "in", tmp_path / "out") == ["a"]
    (line,) = [record for record in caplog.records if "not read" in record.message]
    assert line.message == f"{tmp_path}/in: not read: 3 hidden, 1 .avif, 1 .heic, 1 .txt"
    assert line.levelno == logging.WARNING
    assert names(f"{tmp_path}/in/**/*.png", tmp_path / "out") == ["a"]
    assert names(f"{tmp_path}/in/._*.png", tmp_path / "out") == ["._a"]
    assert names(f"{tmp_path}/in/.ipynb_checkpoints", tmp_path / "out") == ["a"]
    system = fsspec.filesystem("memory")
    for name in ("a.png", ".hidden/b.png", "c.heic"):
        system.pipe(f"/passed_over/{name}", image)
    assert names("memory://passed_over", tmp_path) == ["a"]
    assert "memory://passed_over: not read: 1 .heic, 1 hidden" in caplog.text


def test_nothing_but_what_is_not_read(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.heic").write_bytes(b"x")
    with pytest.raises(DataError, match=r"holds no image .*\n.*not read: 1 \.heic"):
        names(tmp_path / "in", tmp_path / "out")


def test_a_glob_keeps_the_folders_below_its_fixed_part(tmp_path):
    for name in ("x/a/1.png", "x/b/1.png", "x/b/2.jpg", "y/a/1.png"):
        plant(tmp_path / name)
    assert names(f"{tmp_path}/x/**/*.png", tmp_path) == ["a/1", "b/1"]
    assert names(f"{tmp_path}/*/a/1.png", tmp_path) == ["x/a/1", "y/a/1"]
    assert names(f"{tmp_path}/x/b/?.*", tmp_path) == ["1", "2"]


@pytest.mark.parametrize("given", ["{0}/none", "{0}/*.png", "memory://nothing/*.png", "{0}"])
def test_nothing_there(given, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"no such file|holds no image"):
        names(given.format(tmp_path), tmp_path / "elsewhere")


def test_two_files_of_one_name(tmp_path):
    plant(tmp_path / "in/a.png"), plant(tmp_path / "in/a.jpg")
    with pytest.raises(DataError, match=r"would both become a\.png"):
        names(tmp_path / "in", tmp_path)


def test_the_results_do_not_go_among_the_pictures(tmp_path):
    plant(tmp_path / "a.jpg")
    with pytest.raises(ConfigError, match="choose another directory"):
        list_items(str(tmp_path), output=tmp_path)


def test_addresses_of_an_object_store(tmp_path):
    content = plant(tmp_path / "a.png").read_bytes()
    system = fsspec.filesystem("memory")
    for name in ("a", "deep/b"):
        system.pipe(f"/bucket/in/{name}.png", content)
    system.pipe("/bucket/in/notes.txt", b"x")
    folder = list_items("memory://bucket/in", output=tmp_path)
    assert [item.name for item in folder] == ["a", "deep/b"]
    assert pixels(folder[1])[0, 0].tolist() == [7, 0, 0]
    assert names("memory://bucket/in/*.png", tmp_path) == ["a"]
    assert names("memory://bucket/in/deep/b.png", tmp_path) == ["b"]
    system.pipe("/bucket/in/a.png", content + b"\0")
    assert list_items("memory://bucket/in/a.png", output=tmp_path)[0].version != folder[0].version


def test_frames_of_a_video(tmp_path):
    film(tmp_path / "in/clip.avi")
    items = list_items(str(tmp_path / "in"), output=tmp_path)
    assert [item.name for item in items] == [f"clip/{n:06d}" for n in range(6)]
    opener = ItemReader()
    for item in (items[1], items[4], items[2], items[5]):  # forwards, and once back
        raster = opener.open(item)
        assert (raster.height, raster.width) == SIZE
        frame = raster.read(slice(0, SIZE[0]), slice(0, SIZE[1]))
        assert abs(int(frame[0, 0, 0]) - (20 * item.part + 10)) <= 1
    every_second = ["clip/000000", "clip/000002"]
    assert names(tmp_path / "in", tmp_path, frame_step=2, max_frames=2) == every_second


def test_frames_are_rgb(tmp_path):
    path = tmp_path / "red.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 10, (64, 48))
    video.write(np.full((48, 64, 3), (0, 0, 255), np.uint8))
    video.release()
    (item,) = list_items(str(path), output=tmp_path)
    red, green, blue = pixels(item)[0, 0].astype(int)
    assert red > 200
    assert max(green, blue) < 50


def test_a_video_that_is_cut_off(tmp_path):
    whole = film(tmp_path / "whole.avi", frames=40, size=(96, 96)).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "noise.avi").write_bytes(b"no video at all" * 99)
    *items, last = list_items(str(tmp_path / "cut.avi"), output=tmp_path)
    assert 1 < len(items) < 40
    assert not any(item.fault for item in items)
    with pytest.raises(DataError, match=f"ends after {len(items)} of 40 frames"):
        ItemReader().open(last)
    (noise,) = list_items(str(tmp_path / "noise.avi"), output=tmp_path)
    with pytest.raises(DataError, match="no video"):
        ItemReader().open(noise)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "FFV1"), ("a.webm", "VP80"), ("a.wmv", "WMV2")]
)
def test_a_container_that_holds_no_number_of_frames(tmp_path, name, codec):
    path = tmp_path / name
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, (96, 64))
    assert video.isOpened()
    for seed in range(30):
        draws = np.random.default_rng(seed)
        video.write(draws.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    video.release()
    whole = path.read_bytes()
    items = list_items(str(path), output=tmp_path)
    assert len(items) == 30
    assert not any(item.fault for item in items)
    path.write_bytes(whole[: len(whole) // 2])
    *_, last = list_items(str(path), output=tmp_path)
    assert re.search(rf"ends after \d+ frames, \d+ of {len(whole)} bytes", last.fault)
    some = list_items(str(path), output=tmp_path, max_frames=3)
    assert [item.fault for item in some] == [""] * 3


@pytest.mark.parametrize("times", [0.5, 3, 100])
@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_a_last_frame_that_lasts(tmp_path, name, times):
    """A variable frame rate: the duration is not the number of frames over the rate."""
    path = tmp_path / name
    codec = cv2.VideoWriter.fourcc(*("FFV1" if name == "a.mkv" else "VP80"))
    video = cv2.VideoWriter(str(path), codec, 10, (96, 64))
    for number in range(12):
        video.write(np.full((64, 96, 3), 20 * number, np.uint8))
    video.release()
    content = bytearray(path.read_bytes())
    place = content.index(b"\x44\x89\x88") + 3  # Duration, a number of 8 bytes
    (duration,) = struct.unpack_from(">d", content, place)
    struct.pack_into(">d", content, place, duration * times)
    path.write_bytes(content)
    items = list_items(str(path), output=tmp_path)
    assert len(items) == 12
    assert not any(item.fault for item in items)


@pytest.mark.parametrize("content", [b"", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x00" * 9])
def test_starts_of_a_container(tmp_path, content):
    (tmp_path / "a.mkv").write_bytes(content)
    (item,) = list_items(str(tmp_path / "a.mkv"), output=tmp_path)
    assert "damaged, or no video" in item.fault


def test_pages_of_a_tiff(tmp_path):
    pages = [Image.new("RGB", (5 + n, 4), (n, 0, 0)) for n in range(3)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "one.tif")
    items = list_items(f"{tmp_path}/*.tif", output=tmp_path)
    assert [item.name for item in items] == ["one", *(f"scan/page_{n:04d}" for n in (1, 2, 3))]
    for number, item in enumerate(items[1:]):
        page = pixels(item)
        assert page.shape == (4, 5 + number, 3)
        assert page[0, 0].tolist() == [number, 0, 0]
    assert pixels(items[0]).shape == (4, 5, 3)


def test_an_overview_is_no_page(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    picture = np.full((64, 64, 3), 9, np.uint8)
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(picture, photometric="rgb")
        file.write(picture[::2, ::2], photometric="rgb", subfiletype=1)
    (item,) = list_items(str(tmp_path / "x.tif"), output=tmp_path)
    assert item.name == "x"
    assert pixels(item).shape == (64, 64, 3)


def test_a_damaged_tiff_is_an_item_that_tells(tmp_path):
    (tmp_path / "x.tif").write_bytes(b"II*\0 no more than this")
    (item,) = list_items(str(tmp_path / "x.tif"), output=tmp_path)
    with pytest.raises(DataError, match=r"x\.tif"):
        ItemReader().open(item)


def test_too_many_pixels_need_a_word(tmp_path):
    (item,) = list_items(str(plant(tmp_path / "a.png")), output=tmp_path)
    with pytest.raises(DataError, match=r"a\.png.*max_pixels=19(.|\n)*larger max_pixels"):
        ItemReader(max_pixels=19).open(item)
    assert pixels(item, max_pixels=20).shape == (4, 5, 3)


def test_more_pixels_than_pillow_likes(tmp_path):
    """Behind twice its limit Pillow raises an error; its limit holds again afterwards."""
    size = (20_000, 10_000)
    path = tmp_path / "big.png"
    Image.new("1", size).save(path)
    with opened(path, "image", max_pixels=size[0] * size[1]) as file:
        assert file.pillow_image.size == size
    (item,) = list_items(str(path), output=tmp_path)
    with pytest.raises(DataError, match="larger max_pixels"):
        ItemReader().open(item)


@pytest.mark.parametrize("count", [0, 1, 5, 7, 100])
@pytest.mark.parametrize("num_shards", [1, 2, 3, 7])
def test_shares_are_disjoint_and_complete(count, num_shards):
    items = list(range(count))
    shares = [shard_items(items, shard=n, num_shards=num_shards) for n in range(num_shards)]
    assert [item for each in shares for item in each] == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_file_that_was_replaced_has_another_version(tmp_path):
    path = plant(tmp_path / "a.png")
    (before,) = list_items(str(path), output=tmp_path)
    shutil.copy2(path, tmp_path / "same.png")
    shutil.copy2(tmp_path / "same.png", path)
    (same,) = list_items(str(path), output=tmp_path)
    plant(path, value=8)
    (after,) = list_items(str(path), output=tmp_path)
    assert before.version == same.version != after.version


def test_arrays_are_images_where_no_others_lie(tmp_path, caplog):
    """Beside images they are probabilities, say, that were predicted of them."""
    caplog.set_level("INFO")
    for name in "ab":
        (tmp_path / name).mkdir()
    np.save(tmp_path / "a/one.npy", np.zeros((2, 2, 4), np.uint16))
    np.savez(tmp_path / "b/two.npz", np.zeros((2, 2, 4), np.uint16))
    names = [item.name for item in list_items(str(tmp_path), output=tmp_path / "out")]
    assert names == ["a/one", "b/two"]
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    assert [each.name for each in list_items(str(tmp_path), output=tmp_path / "out")] == ["one"]
    assert "1 .npy, 1 .npz" in caplog.text
    (item,) = list_items(str(tmp_path / "a/*.npy"), output=tmp_path / "out")
    assert item.name == "one"
