"""NumPy files as images: strict shapes, no pickles, nothing larger than is allowed."""

import io
import zipfile

import numpy as np
import pytest

from seg.data.datasets.folder import Folder
from seg.data.readers.readers import read_image, read_label, read_size
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from tests.data.readers.written_files import RNG, grey_png

BANDS = ImageDecoding((-1, 2), bands=(1, 2, 3, 4, 5), clip=False)


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2", ">i2", "<u2", "u1", "<u4", "i1"])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_arrays_of_any_type(tmp_path, kind, order, save):
    values = np.array(RNG.integers(0, 3, (12, 20, 5)), kind, order=order)
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, values)
    image = read_image(path, decoding=BANDS)
    np.testing.assert_allclose(image, (values.astype(float) + 1) * 85, atol=1e-4)
    assert (image.dtype, image.flags.writeable) == (np.float32, True)
    assert read_size(path) == (12, 20)


def test_grey_rgb_and_what_must_be_declared(tmp_path):
    path = tmp_path / "a.npy"
    grey = RNG.integers(0, 256, (12, 20)).astype(np.uint8)
    for values in (grey, grey[..., None]):
        np.save(path, values)
        np.testing.assert_array_equal(read_image(path), grey[..., None].repeat(3, 2))
    rgb = RNG.integers(0, 256, (12, 20, 3)).astype(np.uint8)
    np.save(path, rgb)
    np.testing.assert_array_equal(read_image(path), rgb)
    np.save(path, grey > 9)
    np.testing.assert_array_equal(read_image(path)[..., 0], np.where(grey > 9, 255, 0))
    np.save(path, rgb.astype(np.float32))
    with pytest.raises(DataError, match=r"32-bit floating-point values(.|\n)*value_range="):
        read_image(path)
    np.save(path, np.zeros((12, 20, 4), np.uint8))
    with pytest.raises(DataError, match=r"holds 4 bands, and nothing(.|\n)*bands=\[1,2,3,4\]"):
        read_image(path)
    with pytest.raises(DataError, match="no band named 'nir': none has one"):
        read_image(path, decoding=ImageDecoding(bands=("nir",)))
    with pytest.raises(DataError, match=r"holds uint8 values.*kind=float32"):
        read_image(path, decoding=ImageDecoding((0, 1), bands=(1, 2), kind="float32"))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 12, 20), "4 x 12 x 20 is no image\n  more bands than rows.*moveaxis"),
        ((1, 12, 20, 3), "1 x 12 x 20 x 3 is no image\n  allowed: H x W, or H x W x bands"),
        ((12,), "array of 12 is no image"),
        ((), "no dimensions"),
        ((0, 20), "0 x 20"),
    ],
)
def test_shapes_that_are_no_image(tmp_path, shape, words):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match=rf"a.npy: (.|\n)*{words}"):
        read_image(tmp_path / "a.npy")


def test_nothing_else_is_read(tmp_path):
    path = tmp_path / "a.npy"
    for values in (np.array([[{}]], object), np.zeros((3, 3), "U3"), np.zeros((3, 3), complex)):
        np.save(path, values, allow_pickle=True)
        with pytest.raises(DataError, match=r"a.npy: image is damaged .*not of numbers"):
            read_image(path)
    np.save(path, np.zeros((9, 9), np.uint8))
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"0", whole[:40]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a.npy: image is damaged"):
            read_image(path)
    path.write_bytes(whole)
    with pytest.raises(DataError, match="NumPy file, which is read as an image alone"):
        read_label(path)
    np.savez(tmp_path / "a.npz", image=np.zeros((9, 9)), mask=np.zeros((9, 9)))
    with pytest.raises(DataError, match="holds 2 arrays: 'image', 'mask'"):
        read_image(tmp_path / "a.npz")


def test_larger_ones_are_not_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", np.zeros((3000, 3000), np.uint8))
    for limit, words in ((10**6, "more than 1000000 pixels"), (10**5, "more than 3200000 bytes")):
        with pytest.raises(DataError, match=words):
            read_image(tmp_path / "a.npz", max_pixels=limit)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("image.npy", header.getvalue())
    with pytest.raises(DataError, match=r"b.npz: image is damaged .*announces"):
        read_image(tmp_path / "b.npz")


def test_a_directory_of_arrays(tmp_path):
    for name in ("a", "b", "c", "d"):
        for place in ("images", "labels"):
            (tmp_path / place).mkdir(exist_ok=True)
        np.save(tmp_path / f"images/{name}.npy", RNG.random((12, 20, 4), np.float32))
        content = grey_png(np.eye(12, 20, dtype=np.uint8) + (name == "a"), 8)
        (tmp_path / f"labels/{name}.png").write_bytes(content)
    dataset = Folder(split="train", root=tmp_path, val_fraction=0.25)
    dataset.decoding = ImageDecoding((0, 1), bands=(1, 2, 3, 4), kind="float32")
    assert {dataset[index].image.shape for index in range(len(dataset))} == {(12, 20, 4)}
