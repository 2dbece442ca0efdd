"""Images are turned upright once, whatever the format, and fit an upright label."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from seg.data.readers.readers import read_image, read_pair
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from tests.data.readers.written_files import plant

# blocks of 16 x 8 pixels, each of one color, so that lossy formats keep them apart
COLORS = np.random.default_rng(3).permutation(np.arange(24)) * 10
BLOCKS = np.kron(COLORS.reshape(4, 6), np.ones((16, 8), int)).astype(np.uint8)
UPRIGHT = np.stack([BLOCKS, 255 - BLOCKS, BLOCKS // 2], 2)
# Exif 2.32, tag 274: what has to be done to the upright image to get the stored one
STORED = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: image.swapaxes(0, 1)[::-1],
    7: lambda image: image.swapaxes(0, 1)[::-1, ::-1],
    8: lambda image: image.swapaxes(0, 1)[:, ::-1],
}
FORMATS = {
    "png": ("PNG", {}, 0),
    "jpg": ("JPEG", {"quality": 95, "subsampling": 0}, 12),
    "webp": ("WEBP", {"lossless": True}, 0),
    "avif": ("AVIF", {"quality": 95, "subsampling": "4:4:4"}, 12),
    "tif": ("TIFF", {}, 0),
    "lzw.tif": ("TIFF", {"compression": "tiff_lzw"}, 0),
}


def stored(orientation, format_, **options):
    tags = Image.Exif()
    tags[0x0112] = orientation
    content = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(STORED[orientation](UPRIGHT)))
    image.save(content, format_, exif=tags, **options)
    return content.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", FORMATS)
def test_an_image_fits_its_upright_label(tmp_path, suffix, orientation):
    format_, options, tolerance = FORMATS[suffix]
    (tmp_path / f"a.{suffix}").write_bytes(stored(orientation, format_, **options))
    Image.fromarray(BLOCKS).save(tmp_path / "label.png")
    image, label, _ = read_pair(tmp_path / f"a.{suffix}", tmp_path / "label.png")
    np.testing.assert_array_equal(label, BLOCKS)
    assert abs(image.astype(int) - UPRIGHT).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pages_of_a_tiff(tmp_path, orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    pages = [
        Image.fromarray(np.ascontiguousarray(STORED[orientation](UPRIGHT // part)))
        for part in (1, 2)
    ]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], exif=tags)
    for page, part in ((0, 1), (1, 2)):
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif", page=page), UPRIGHT // part)


def test_a_sideways_label_is_told_from_the_image(tmp_path):
    (tmp_path / "a.tif").write_bytes(stored(6, "TIFF"))
    Image.fromarray(np.ascontiguousarray(STORED[6](BLOCKS))).save(tmp_path / "label.png")
    with pytest.raises(DataError, match="EXIF orientation 6"):
        read_pair(tmp_path / "a.tif", tmp_path / "label.png")


def turned_tiff(path, orientation, values_HWC, **options):
    """A TIFF of GDAL's that carries an orientation, which GDAL writes into none."""
    stored_HWC = np.ascontiguousarray(STORED[orientation](values_HWC))
    plant(path, stored_HWC.transpose(2, 0, 1), **options)
    content = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    places = [start + 2 + 12 * number for number in range(count)]
    entries = [bytes(content[place : place + 12]) for place in places]
    entries.append(struct.pack("<HHII", 0x0112, 3, 1, orientation))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    content += b"\0" * (len(content) % 2)
    struct.pack_into("<I", content, 4, len(content))
    content += struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_that_pillow_reads_in_part_or_not_at_all(tmp_path, orientation):
    deep = UPRIGHT.astype(np.uint16) * 257
    full = ImageDecoding(value_range=(0, 65535))
    for name, values, options in (
        ("grey", deep[..., :1], {}),
        ("rgb", deep, {"photometric": "rgb"}),
        ("bands", deep, {"photometric": "rgb", "interleave": "band"}),
        ("white", 65535 - deep[..., :1], {"photometric": "miniswhite"}),
    ):
        path = turned_tiff(tmp_path / f"{name}.tif", orientation, values, **options)
        image = read_image(path, decoding=full)
        expected = UPRIGHT if values.shape[2] == 3 else UPRIGHT[..., :1]
        np.testing.assert_array_equal(image, np.broadcast_to(expected, image.shape), name)
    path = turned_tiff(tmp_path / "lerc.tif", orientation, UPRIGHT, compress="lerc")
    np.testing.assert_array_equal(read_image(path), UPRIGHT)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pngs_of_sixteen_bits(tmp_path, orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    grey = np.ascontiguousarray(STORED[orientation](BLOCKS)).astype(np.uint16) * 257
    Image.fromarray(grey).save(tmp_path / "a.png", exif=tags)
    image = read_image(tmp_path / "a.png", decoding=ImageDecoding(value_range=(0, 65535)))
    np.testing.assert_array_equal(image[..., 0], BLOCKS)
