"""Images are turned upright once, whatever the format, and fit an upright label."""

import io

import numpy as np
import pytest
from PIL import Image

from seg.data.files.reading import read_image, read_pair
from seg.errors import DataError

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
    image, label = read_pair(tmp_path / f"a.{suffix}", tmp_path / "label.png")
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
