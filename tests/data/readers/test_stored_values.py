"""The values in a file are the values that are read, whatever a decoder makes of them."""

import struct

import numpy as np
import pytest
from PIL import Image

from seg.data.readers.readers import read_image, read_label
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from tests.data.readers.written_files import (
    RNG,
    SHAPE,
    depth,
    full_range,
    noise,
    packed_rows,
    plant,
    scaled,
)


@pytest.mark.parametrize("compress", ["none", "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_ids_of_a_grey_tiff(tmp_path, bits, photometric, compress):
    ids = noise(1, bits)
    path = plant(tmp_path / "a.tif", ids, photometric=photometric, compress=compress, **depth(bits))
    np.testing.assert_array_equal(read_label(path), ids[0])


@pytest.mark.parametrize("bits", [3, 5, 6, 7])
def test_ids_of_odd_depths_by_the_extra_alone(tmp_path, has_extra, bits):
    ids = noise(1, bits)
    path = plant(tmp_path / "a.tif", ids, NBITS=bits)
    if has_extra:
        np.testing.assert_array_equal(read_label(path), ids[0])
    else:
        with pytest.raises(DataError, match=r"1 x . bits.*\n.*seg-xception\[rasters\]"):
            read_label(path)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_indices_of_a_palette_tiff(tmp_path, bits):
    ids = noise(1, bits)
    path = plant(tmp_path / "a.tif", ids, photometric="palette", **depth(bits))
    np.testing.assert_array_equal(read_label(path), ids[0])


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("largest", [1, 3, 12, 200, 255, 1000, 65535])
def test_ids_of_a_pgm(tmp_path, largest, plain):
    ids = RNG.integers(0, largest + 1, SHAPE)
    size = f"{SHAPE[1]} {SHAPE[0]}"
    if plain:
        content = f"P2\n# by hand\n{size}\n{largest}\n{' '.join(map(str, ids.ravel()))}\n".encode()
    else:
        pixels = ids.astype("u1" if largest < 256 else ">u2").tobytes()
        content = f"P5\n# by hand\n{size} # and so on\n{largest}\n".encode() + pixels
    (tmp_path / "a.pgm").write_bytes(content)
    np.testing.assert_array_equal(read_label(tmp_path / "a.pgm"), ids)


@pytest.mark.parametrize("plain", [False, True])
def test_bits_of_a_pbm(tmp_path, plain):
    bits = RNG.integers(0, 2, SHAPE).astype(np.uint8)
    size = f"{SHAPE[1]} {SHAPE[0]}"
    if plain:
        content = f"P1\n{size}\n{' '.join(map(str, bits.ravel()))}\n".encode()
    else:
        content = f"P4\n{size}\n".encode() + np.packbits(bits, axis=1).tobytes()
    (tmp_path / "a.pbm").write_bytes(content)
    np.testing.assert_array_equal(read_label(tmp_path / "a.pbm"), bits)
    np.testing.assert_array_equal(read_image(tmp_path / "a.pbm")[..., 0], (1 - bits) * 255)


def bmp(ids, bits, palette):
    """A BMP written by hand: its palette may be a ramp of grey, which Pillow takes for grey."""
    height, width = ids.shape
    rows = [row + b"\0" * (-len(row) % 4) for row in packed_rows(ids[::-1], bits)]
    pixels, table = b"".join(rows), b"".join(bytes((b, g, r, 0)) for r, g, b in palette)
    start = 14 + 40 + len(table)
    info = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, 0, len(pixels), 0, 0, len(palette), 0
    )
    return struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start) + info + table + pixels


@pytest.mark.parametrize("palette", ["identity", "stretched", "inverted", "colors"])
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_indices_of_a_bmp(tmp_path, bits, palette):
    ids = RNG.integers(0, 2**bits, SHAPE).astype(np.uint8)
    steps = np.arange(2**bits)
    ramp = {
        "identity": steps,
        "stretched": steps * (255 // (2**bits - 1)),
        "inverted": steps[::-1] * (255 // (2**bits - 1)),
        "colors": steps,
    }[palette]
    colors = [(int(v), int(v), 7 if palette == "colors" else int(v)) for v in ramp]
    (tmp_path / "a.bmp").write_bytes(bmp(ids, bits, colors))
    np.testing.assert_array_equal(read_label(tmp_path / "a.bmp"), ids)
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), np.array(colors)[ids])


@pytest.mark.parametrize("kind", ["grey", "palette"])
def test_indices_of_a_gif(tmp_path, kind):
    ids = RNG.integers(0, 7, SHAPE).astype(np.uint8)
    picture = Image.fromarray(ids)
    if kind == "palette":
        picture = picture.convert("P")
        picture.putdata(ids.ravel().tolist())
        picture.putpalette([5, 5, 5, 4, 4, 4, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 6, 6, 6])
    picture.save(tmp_path / "a.gif", optimize=False)
    np.testing.assert_array_equal(read_label(tmp_path / "a.gif"), ids)


@pytest.mark.parametrize("compress", ["none", "lzw", "deflate"])
@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_rgb_tiffs(tmp_path, has_extra, bits, interleave, compress):
    values = noise(3, bits)
    options = {"interleave": interleave, "compress": compress, "photometric": "rgb"}
    path = plant(tmp_path / "a.tif", values, **options, **depth(bits))
    by_the_extra_alone = bits == 12 or (bits == 16 and interleave == "band")
    if by_the_extra_alone and not has_extra:
        with pytest.raises(DataError, match=r"seg-xception\[rasters\]"):
            read_image(path, decoding=full_range(bits))
        return
    image = read_image(path, decoding=full_range(bits))
    np.testing.assert_array_equal(image, scaled(values, bits))
    with pytest.raises(DataError, match=r"label holds .*, not class ids"):
        read_label(path)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_grey_tiffs_as_images(tmp_path, bits, photometric):
    values = noise(1, bits)
    path = plant(tmp_path / "a.tif", values, photometric=photometric, **depth(bits))
    expected = scaled(values if photometric == "minisblack" else 2**bits - 1 - values, bits)
    image = read_image(path, decoding=full_range(bits))
    np.testing.assert_array_equal(image, np.repeat(expected, 3, 2))
    if bits <= 8:
        np.testing.assert_array_equal(read_image(path), image)


@pytest.mark.parametrize("stored", ["pixel none", "pixel deflate", "band none", "band deflate"])
@pytest.mark.parametrize(("count", "bits"), [(2, 8), (2, 16), (4, 8), (4, 16), (5, 8), (5, 16)])
def test_further_bands_are_no_label_and_no_image(tmp_path, has_extra, count, bits, stored):
    interleave, compress = stored.split()
    options = {"interleave": interleave, "compress": compress, "photometric": "minisblack"}
    path = plant(tmp_path / "a.tif", noise(count, bits), **options)
    wanted = f"{count} (bands|x {bits} bits)"
    for read in (read_label, lambda path: read_image(path, decoding=full_range(bits))):
        with pytest.raises(DataError, match=wanted):
            read(path)


def test_the_remedy_of_two_bands_can_be_typed(tmp_path):
    pytest.importorskip("rasterio")
    values = noise(2, 8)
    path = plant(tmp_path / "a.tif", values)
    with pytest.raises(
        DataError, match=r"holds 2 bands(.|\n)*bands=\[1,2\] for all(.|\n)*bands=\[1\] "
    ):
        read_image(path)
    image = read_image(path, decoding=ImageDecoding(bands=(1,)))
    np.testing.assert_array_equal(image, np.repeat(values[0][..., None], 3, 2))


@pytest.mark.parametrize("kind", ["unspecified", "alpha"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_fourth_band_is_not_dropped(tmp_path, has_extra, bits, kind):
    options = {"photometric": "rgb", "ALPHA": "NO" if kind == "unspecified" else "YES"}
    values = noise(4, bits)
    path = plant(tmp_path / "a.tif", values, **options)
    with pytest.raises(DataError) as caught:
        read_image(path, decoding=full_range(bits))
    expected = ("4 bands", "4 x") if kind == "unspecified" else ("band 4 is marked as alpha",)
    assert any(word in str(caught.value) for word in expected)
    if has_extra:
        chosen = ImageDecoding((0, 2**bits - 1), bands=(4, 1, 2))
        image = read_image(path, decoding=chosen)
        np.testing.assert_array_equal(image, scaled(values[[3, 0, 1]], bits))
        assert "dataset.bands=[1,2,3]" in str(caught.value)


def test_compressions_of_gdal_alone(tmp_path, has_extra):
    values = noise(3)
    path = plant(tmp_path / "a.tif", values, compress="lerc")
    if has_extra:
        np.testing.assert_array_equal(read_image(path), values.transpose(1, 2, 0))
    else:
        with pytest.raises(DataError, match=r"LERC compression.*\n.*seg-xception\[rasters\]"):
            read_image(path)
    label = plant(tmp_path / "b.tif", values[:1], compress="lerc")
    if has_extra:
        np.testing.assert_array_equal(read_label(label), values[0])


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize("copies", ["overviews", "mask", "both", "cog"])
def test_overviews_and_masks_are_no_pages(tmp_path, copies):
    rasterio = pytest.importorskip("rasterio")
    values = np.kron(noise(3), np.ones((1, 30, 30), np.uint8))
    if copies == "cog":
        path = plant(tmp_path / "a.tif", values, driver="COG", compress="deflate")
    else:
        path = plant(tmp_path / "a.tif", values, tiled=True)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
            if copies != "overviews":
                file.write_mask(values[0] > 99)
            if copies != "mask":
                file.build_overviews([2, 4])
    expected = values.transpose(1, 2, 0).copy()
    if copies in ("mask", "both"):
        expected[values[0] <= 99] = 128  # without data
    np.testing.assert_array_equal(read_image(path), expected)
    label = plant(tmp_path / "b.tif", values[:1], driver="COG", compress="deflate")
    np.testing.assert_array_equal(read_label(label), values[0])


def test_signed_and_floating_ids(tmp_path, has_extra):
    ids = RNG.integers(-1, 5, (1, *SHAPE)).astype(np.int8)
    path = plant(tmp_path / "a.tif", ids)
    if has_extra:
        np.testing.assert_array_equal(read_label(path), ids[0])
        with pytest.raises(DataError, match=r"signed 8-bit values, -1 to 4(.|\n)*=\[-1,4\]"):
            read_image(path)
        path = plant(tmp_path / "b.tif", ids.astype(np.float32) + 0.5, compress="lerc")
        with pytest.raises(DataError, match="float32 values, not class ids"):
            read_label(path)
    else:
        with pytest.raises(DataError, match=r"seg-xception\[rasters\]"):
            read_label(path)


def test_a_tiff_that_is_cut_off(tmp_path, has_extra):
    for interleave in ("pixel", "band"):
        path = plant(tmp_path / f"{interleave}.tif", noise(3, 16), interleave=interleave)
        whole = path.read_bytes()
        for length in range(8, len(whole), 501):
            path.write_bytes(whole[:length])
            with pytest.raises(DataError, match=path.name):
                read_image(path, decoding=full_range(16))
