"""Where the numbers of the original implementations lie, unpacked once a session."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"


@pytest.fixture(scope="session")
def fixtures() -> Path:
    if not FIXTURES.is_dir():
        pytest.skip(f"the numeric fixtures are not at {FIXTURES}")
    return FIXTURES


@pytest.fixture(scope="session")
def unpacked(fixtures, tmp_path_factory):
    """Unpacks an archive of the fixtures on first use; returns the folder."""
    folders: dict[str, Path] = {}

    def unpack(archive: str) -> Path:
        if archive not in folders:
            folders[archive] = tmp_path_factory.mktemp("unpacked")
            with tarfile.open(fixtures / archive) as tar:
                tar.extractall(folders[archive], filter="data")
        return folders[archive]

    return unpack


@pytest.fixture(scope="session")
def tensorflow_checkpoint(unpacked) -> Path:
    return unpacked("tensorflow/tf_ckpt_xception_41.tar.xz") / "xception_41" / "model.ckpt"


@pytest.fixture(scope="session")
def keras_files(unpacked) -> Path:
    return unpacked("keras/keras_xception1000_models.tar.xz")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def relative_error():
    """Largest difference, in units of the reference's largest value (of 1 where all is 0)."""

    def measure(ours, reference) -> float:
        ours = np.asarray(ours, np.float64)
        reference = np.asarray(reference, np.float64)
        assert ours.shape == reference.shape
        return float(np.abs(ours - reference).max() / (np.abs(reference).max() or 1))

    return measure
