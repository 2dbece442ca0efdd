"""Every way in which an image file can mislead, and what the strict readers make of it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from seg.data.readers import image_decoding
from seg.data.readers.readers import read_image, read_label, read_pair
from seg.errors import DataError
from tests.data.readers.written_files import grey_png

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (12, 20, 3), dtype=np.uint8)
IDS = RNG.integers(0, 12, (12, 20), dtype=np.uint8)
ORIENTATION = 0x0112


def save(path: Path, picture: np.ndarray | Image.Image, **options) -> Path:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **options)
    return path


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def palette_picture(ids: np.ndarray = IDS) -> Image.Image:
    picture = Image.fromarray(ids).convert("P")
    picture.putdata(ids.ravel().tolist())
    picture.putpalette(RNG.integers(0, 256, 768, dtype=np.uint8).tolist())
    return picture


def refuses(read, path: Path, *words: str) -> None:
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    for word in words:
        assert word in message
    assert len(message.splitlines()) <= 5


def test_rgb_is_read_as_it_is(tmp_path):
    image = read_image(save(tmp_path / "a.png", PHOTO))
    np.testing.assert_array_equal(image, PHOTO)
    assert image.flags.writeable
    assert image.flags.c_contiguous


@pytest.mark.parametrize("suffix", ["bmp", "tif", "webp"])
def test_other_lossless_files(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    np.testing.assert_array_equal(
        read_image(save(tmp_path / f"a.{suffix}", PHOTO, **options)), PHOTO
    )


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "RGBA"])
def test_other_kinds_of_pixels_become_rgb(tmp_path, mode):
    picture = Image.fromarray(PHOTO).convert(mode)
    path = save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), picture)
    np.testing.assert_array_equal(read_image(path), np.asarray(picture.convert("RGB")))


def test_palette_with_opaque_transparency_table(tmp_path):
    picture = palette_picture()
    path = save(tmp_path / "a.png", picture, transparency=bytes([255] * 256))
    np.testing.assert_array_equal(read_image(path), np.asarray(picture.convert("RGB")))


def test_transparent_pixels_are_refused(tmp_path):
    picture = Image.fromarray(PHOTO).convert("RGBA")
    picture.putpixel((3, 4), (1, 2, 3, 0))
    refuses(read_image, save(tmp_path / "a.png", picture), "transparent", "flatten")


def test_float_pixels_need_a_declared_range(tmp_path):
    picture = Image.fromarray(PHOTO[..., 0].astype(np.float32))
    path = save(tmp_path / "a.tif", picture)
    refuses(read_image, path, "32-bit floating-point values", "dataset.value_range=[0,255]")
    refuses(read_label, path, "(F)", "single-channel PNG")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_images_are_turned_upright(tmp_path, orientation, suffix):
    path = save(tmp_path / f"a.{suffix}", PHOTO, exif=exif(orientation))
    with Image.open(path) as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    assert upright.shape == ((20, 12, 3) if orientation > 4 else (12, 20, 3))
    np.testing.assert_array_equal(read_image(path), upright)


@pytest.mark.parametrize("read", [read_image, read_label])
def test_files_that_are_no_images(tmp_path, read):
    path = tmp_path / "a.png"
    refuses(read, path, "not found")
    path.write_bytes(b"")
    refuses(read, path, "empty")
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    refuses(read, path, "git lfs pull")
    path.write_bytes(b"\n<!DOCTYPE html><title>Sign in</title>")
    refuses(read, path, "web page")
    path.write_bytes(b"what is this?")
    refuses(read, path, "not an image", "allowed")
    path.unlink()
    path.mkdir()
    refuses(read, path, "directory")


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("jpg", {}), ("jpg", {"progressive": True}), ("png", {}), ("bmp", {}), ("tif", {})],
)
def test_truncated_images_are_refused(tmp_path, monkeypatch, suffix, options):
    # As some libraries do, for the whole process.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = save(tmp_path / f"a.{suffix}", PHOTO, **options)
    whole, reference = path.read_bytes(), read_image(path)
    refused = 0
    for length in range(1, len(whole), 7):
        path.write_bytes(whole[:length])
        try:  # what is read nevertheless lacks nothing but an end marker
            np.testing.assert_array_equal(read_image(path), reference)
        except DataError:
            refused += 1
    assert refused >= 0.9 * len(range(1, len(whole), 7))


@pytest.mark.parametrize(("read", "content"), [(read_image, PHOTO), (read_label, IDS)])
def test_a_flipped_bit_in_a_png_is_noticed(tmp_path, read, content):
    path = save(tmp_path / "a.png", content)
    whole = path.read_bytes()
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.png"):
            read(path)


def test_bombs_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", PHOTO)
    monkeypatch.setattr(image_decoding, "MAX_PIXELS", 100)
    refuses(read_image, path, "more than 100 pixels", "tiles")
    refuses(read_label, path, "more than 100 pixels")


@pytest.mark.parametrize("times", [1.5, 3])
def test_pillows_own_limit_reads_the_same(tmp_path, monkeypatch, times):
    path = save(tmp_path / "a.png", PHOTO)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(PHOTO[..., 0].size / times))
    refuses(read_image, path, "pixels", "tiles")


def test_animations_are_refused(tmp_path):
    frames = [Image.fromarray(IDS * k) for k in (1, 2, 3)]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    refuses(read_image, path, "3 frames")


def test_palette_labels_give_indices(tmp_path):
    for suffix in ("png", "gif", "bmp"):
        path = save(tmp_path / f"a.{suffix}", palette_picture(), **({"optimize": False}))
        np.testing.assert_array_equal(read_label(path), IDS)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palette_labels_of_few_bits(tmp_path, bits):
    ids = IDS % 2**bits
    path = save(tmp_path / "a.png", palette_picture(ids), bits=bits)
    assert path.read_bytes()[24] == bits
    np.testing.assert_array_equal(read_label(path), ids)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_labels_keep_their_values_at_every_depth(tmp_path, bits):
    values = RNG.integers(0, 2**bits, (12, 20))
    (tmp_path / "a.png").write_bytes(grey_png(values, bits))
    label = read_label(tmp_path / "a.png")
    np.testing.assert_array_equal(label, values)
    assert label.dtype == (np.uint16 if bits == 16 else np.uint8)
    assert label.flags.writeable


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4"])
def test_labels_in_tiff(tmp_path, dtype):
    values = RNG.integers(0, 40000, (12, 20)).astype(dtype)
    label = read_label(save(tmp_path / "a.tif", values))
    np.testing.assert_array_equal(label, values)
    assert label.dtype.isnative


def test_color_labels_are_refused(tmp_path):
    refuses(read_label, save(tmp_path / "a.png", PHOTO), "colors", "class id")
    equal = np.repeat(IDS[..., None], 3, axis=2)
    refuses(read_label, save(tmp_path / "b.png", equal), "colors", "three channels are equal")


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_labels_are_refused(tmp_path, suffix):
    refuses(read_label, save(tmp_path / f"a.{suffix}", IDS), "change pixel values", "PNG")


def test_turned_labels_are_refused(tmp_path):
    path = save(tmp_path / "a.png", IDS, exif=exif(6))
    refuses(read_label, path, "EXIF orientation 6")


def test_pairs_of_different_size_name_both_files(tmp_path):
    image = save(tmp_path / "image.png", PHOTO)
    label = save(tmp_path / "label.png", IDS[:, :10])
    refuses(lambda p: read_pair(p, label), image, str(label), "20 x 12", "10 x 12", "nearest")


def test_pairs_with_an_image_turned_by_its_camera(tmp_path):
    image = save(tmp_path / "image.jpg", PHOTO, exif=exif(6))
    upright, label, _ = read_pair(image, save(tmp_path / "good.png", np.rot90(IDS, -1)))
    assert upright.shape[:2] == label.shape == (20, 12)
    unturned = save(tmp_path / "bad.png", IDS)
    refuses(lambda p: read_pair(p, unturned), image, "EXIF orientation 6", "turn the label")


def test_unreadable_files_are_told(tmp_path, monkeypatch):
    def fail(_: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)
    refuses(read_image, tmp_path / "a.png", "Permission denied")


def test_corrupt_exif_does_not_escape(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    path = tmp_path / "a.jpg"
    path.write_bytes(buffer.getvalue())
    try:
        assert read_image(path).shape == PHOTO.shape
    except DataError as error:
        assert str(path) in str(error)
