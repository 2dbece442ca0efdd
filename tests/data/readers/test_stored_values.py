"""The values in a file are the values that are read, whatever a decoder makes of them."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from seg.data.readers import gdal
from seg.data.readers.readers import read_colors, read_image, read_label
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
    png,
    scaled,
)

NO_EXTRA = pytest.param(False, id="without rasterio")
WITH_EXTRA = pytest.param(True, id="with rasterio")


@pytest.fixture(params=[WITH_EXTRA, NO_EXTRA])
def has_extra(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(gdal, "find_spec", lambda name: None)
    return request.param


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
    with pytest.raises(DataError, match=r"holds 2 bands(.|\n)*bands=\[1\] (.|\n)* -b 1 IN"):
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
    np.testing.assert_array_equal(read_image(path), values.transpose(1, 2, 0))
    label = plant(tmp_path / "b.tif", values[:1], driver="COG", compress="deflate")
    np.testing.assert_array_equal(read_label(label), values[0])


DEEP = RNG.integers(0, 4096, (*SHAPE, 3)).astype(np.uint16)


def ppm(values_HW3, largest):
    return b"P6\n40 24\n%d\n" % largest + values_HW3.astype(">u2").tobytes()


def encoded(kind):
    values = {"grey.png": DEEP[..., 0], "rgba.png": np.dstack([DEEP, np.full(SHAPE, 65535)])}
    if kind == "ppm":
        return ppm(DEEP, 65535)
    if kind == "pgm":
        return b"P5 40 24 65535 " + DEEP[..., 0].astype(">u2").tobytes()
    suffix = f".{kind.rpartition('.')[2]}"
    image = values.get(kind, DEEP).astype(np.uint16)
    if image.ndim == 3:
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    return cv2.imencode(suffix, image)[1].tobytes()


@pytest.mark.parametrize("kind", ["grey.png", "rgb.png", "rgba.png", "rgb.tif", "pgm", "ppm"])
def test_more_than_eight_bits_need_a_declared_range(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(encoded(kind))
    values = DEEP if kind[0] == "r" or kind == "ppm" else DEEP[..., :1]
    with pytest.raises(DataError, match=rf"{values.min()} to {values.max()}.*\n.*=\[0,4095\]"):
        read_image(path)
    image = read_image(path, decoding=full_range(12))
    expected = np.rint(values * (255 / 4095)).astype(np.uint8)
    np.testing.assert_array_equal(image, np.broadcast_to(expected, image.shape))
    part = read_image(path, decoding=ImageDecoding(value_range=(1000, 2000)))
    clipped = np.rint((np.clip(values, 1000, 2000) - 1000.0) * 255 / 1000).astype(np.uint8)
    np.testing.assert_array_equal(part, np.broadcast_to(clipped, part.shape))


def test_all_bits_of_the_case(tmp_path):
    values = np.tile(np.arange(4096, dtype=np.uint16), (8, 1))
    Image.fromarray(values).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", decoding=full_range(12))
    assert len(np.unique(image)) == 256
    assert image.max() == 255


def test_grey_and_alpha_of_sixteen_bits(tmp_path):
    """Written by hand: color type 4."""
    pairs = np.stack([DEEP[..., 0], np.full(SHAPE, 65535)], 2).astype(">u2")
    rows = [row.tobytes() for row in pairs]
    (tmp_path / "a.png").write_bytes(png((SHAPE[1], SHAPE[0], 16, 4), rows))
    image = read_image(tmp_path / "a.png", decoding=full_range(12))
    np.testing.assert_array_equal(
        image[..., 1], np.rint(DEEP[..., 0] * (255 / 4095)).astype(np.uint8)
    )


def png_with_a_clear_color(values, clear):
    """A PNG of 16 bits of which one color is transparent."""
    height, width = values.shape[:2]
    rows = [row.astype(">u2").tobytes() for row in values]
    header = (width, height, 16, 2 if values.ndim == 3 else 0)
    return png(header, rows, tRNS=np.array(clear, ">u2").tobytes())


@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_a_clear_color_of_sixteen_bits(tmp_path, kind):
    values = DEEP if kind == "rgb" else DEEP[..., 0]
    path = tmp_path / "a.png"
    path.write_bytes(png_with_a_clear_color(values, np.full(values.shape[2:], 65000)))
    with pytest.raises(DataError, match="16-bit values"):
        read_image(path)
    image = read_image(path, decoding=full_range(12))
    expected = np.rint(values * (255 / 4095)).reshape(*SHAPE, -1)
    np.testing.assert_array_equal(image, np.broadcast_to(expected, image.shape))
    path.write_bytes(png_with_a_clear_color(values, values[3, 4]))
    with pytest.raises(DataError, match="transparent pixels"):
        read_image(path, decoding=full_range(12))


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


def test_bands_of_formats_that_have_none(tmp_path):
    Image.fromarray(DEEP.astype(np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(DEEP[..., 0].astype(np.uint8)).save(tmp_path / "grey.png")
    for name, fits in (("a.png", (1, 2, 3)), ("grey.png", (1,))):
        read_image(tmp_path / name, decoding=ImageDecoding(bands=fits))
        for bands in {(3, 2, 1), (1,), (1, 2, 3)} - {fits}:
            with pytest.raises(DataError, match=r"bands=\[.*\] is declared"):
                read_image(tmp_path / name, decoding=ImageDecoding(bands=bands))


def test_a_range_for_eight_bits(tmp_path):
    values = RNG.integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.bmp")
    for name in ("a.png", "a.bmp"):
        image = read_image(tmp_path / name, decoding=ImageDecoding(value_range=(0, 100)))
        expected = np.rint(np.minimum(values, 100) * 2.55).astype(np.uint8)
        assert abs(image.astype(int) - expected).max() <= 1
        with pytest.raises(DataError, match=r"8 bits, 0 to 255.*\[0,4095\]"):
            read_image(tmp_path / name, decoding=full_range(12))


def test_colors_of_sixteen_bits_are_no_codes(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded("rgb.png"))
    with pytest.raises(DataError, match="16 bits a channel; allowed: 8"):
        read_colors(tmp_path / "a.png")


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg2000(tmp_path, has_extra, bits, count):
    values = noise(count, bits)
    lossless = {"QUALITY": "100", "REVERSIBLE": "YES"}
    path = plant(tmp_path / "a.jp2", values, driver="JP2OpenJPEG", **lossless, **depth(bits))
    expected = np.broadcast_to(scaled(values, bits), (*SHAPE, 3))
    if has_extra or (bits, count) == (8, 1):
        image = read_image(path, decoding=full_range(bits))
        np.testing.assert_array_equal(image, expected)
        return
    # Pillow takes three lossless bands of GDAL for a broken stream
    with pytest.raises(DataError, match=r"JPEG ?2000.*\n.*\[rasters\]"):
        read_image(path, decoding=full_range(bits))


def test_a_tiff_that_is_cut_off(tmp_path, has_extra):
    for interleave in ("pixel", "band"):
        path = plant(tmp_path / f"{interleave}.tif", noise(3, 16), interleave=interleave)
        whole = path.read_bytes()
        for length in range(8, len(whole), 501):
            path.write_bytes(whole[:length])
            with pytest.raises(DataError, match=path.name):
                read_image(path, decoding=full_range(16))


def test_directories_in_a_circle(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(DEEP[..., 0]).save(buffer, "TIFF")
    content = bytearray(buffer.getvalue())
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(DataError, match="in a circle"):
        read_image(tmp_path / "a.tif")
