"""Damaged and hostile weight files of Keras."""

import zipfile
from pathlib import Path

import h5py
import numpy as np

from seg.errors import DataError
from seg.models.weights.format import read_weights
from seg.models.weights.keras import FORMAT as KERAS
from tests.models.weight_files import flip, refused


def keras_file(path: Path, **options: object) -> h5py.File:
    file = h5py.File(path, "w")
    values = file.create_group("layers/dense/vars")
    values.create_dataset("0", data=np.ones((64, 3), np.float32), **options)
    values.create_dataset("1", data=np.ones(3, np.float32))
    return file


def test_hdf5_that_runs_in_circles_points_elsewhere_or_claims_sizes(tmp_path):
    path = tmp_path / "a.h5"
    with keras_file(path):
        pass
    read_weights(path)
    for name, target in (
        ("layers/dense/layers", "layers"),
        ("layers/dense/vars/2", h5py.SoftLink("/layers/dense/vars/0")),
        ("layers/dense/vars/2", h5py.ExternalLink("other.h5", "/x")),
    ):
        with keras_file(path) as file:
            file[name] = file[target] if isinstance(target, str) else target
        assert "reached twice" in refused(path) or "points elsewhere" in refused(path)
    with keras_file(path) as file:
        file.create_dataset("layers/dense/vars/2", (2**16, 2**16), np.float32)
    assert "asks for 16384 MiB" in refused(path)
    with keras_file(path) as file:
        file.create_dataset(
            "layers/dense/vars/2", (2, 2), "f4", maxshape=(None, 2), chunks=(2**24, 2)
        )
    assert "asks for 128 MiB" in refused(path)


def test_hdf5_checksums_and_nodes(tmp_path):
    path = tmp_path / "a.h5"
    with keras_file(path, fletcher32=True, chunks=(64, 3)):
        pass
    whole = path.read_bytes()
    ones = whole.index(np.ones(192, np.float32).tobytes())
    flip(path, ones + 5)
    assert "damaged" in refused(path)
    for position in range(0, min(ones, 4096), 29):
        path.write_bytes(whole)
        flip(path, position)
        try:
            read_weights(path)
        except DataError as error:
            assert "a.h5" in str(error)


def test_a_keras_archive_fails_its_checksum(tmp_path):
    with keras_file(tmp_path / "model.weights.h5"):
        pass
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.write(tmp_path / "model.weights.h5", "model.weights.h5")
    assert KERAS.read(tmp_path / "a.keras").ignored == ("dense",)
    whole = (tmp_path / "a.keras").read_bytes()
    flip(tmp_path / "a.keras", whole.index(np.ones(192, np.float32).tobytes()) + 5)
    assert "fails its checksum" in refused(tmp_path / "a.keras")
