"""What several test rooms share: a small real run; real pictures and numbers where they are."""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seg.cpu import limit_openmp_spin
from tests import thorough
from tests.warm_process import Running, WarmProcess

if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
limit_openmp_spin()  # before any test imports torch

REPO = Path(__file__).resolve().parent.parent
FIXTURES = REPO.parent / "shared" / "fixtures"
SMALL = (
    "dataset.size=[64,128]",
    "dataset.train_length=16",
    "dataset.val_length=6",
    "augmentation.crop=[64,96]",
    "loader.batch_size=4",
    "loader.num_workers=0",
    "trainer.max_epochs=2",
    "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu",
)


_warm = WarmProcess()


def seg(
    command: str, *arguments: str, cwd: Path, fault: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Type `python -m seg.COMMAND ARGUMENTS` in `cwd`; `fault` is one of `tests.faults`."""
    return start(command, *arguments, cwd=cwd, fault=fault).wait()


def start(command: str, *arguments: str, cwd: Path, fault: str | None = None) -> Running:
    """The same without waiting for its end; no other command may be typed before that."""
    return _warm.start([f"seg.{command}", *arguments], cwd=cwd, fault=fault)


@pytest.fixture(scope="session", autouse=True)
def _no_process_stays() -> Iterator[None]:
    yield
    _warm.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.endswith(tuple(thorough.ENDS)):
            item.add_marker("thorough")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Iterator[None]:
    """Remove what fixtures of modules wrote once they end; pytest keeps it for three sessions."""
    if fixturedef.scope not in ("class", "module", "package"):
        return (yield)
    base = request.getfixturevalue("tmp_path_factory").getbasetemp()
    before, new = set(base.iterdir()), set[Path]()

    def remove() -> None:
        for each in new:
            if each.is_symlink():  # to the last directory of a name
                each.unlink()
            else:
                shutil.rmtree(each, ignore_errors=True)

    fixturedef.addfinalizer(remove)  # the last one that runs: those of the fixture come before
    value = yield
    new |= set(base.iterdir()) - before
    return value


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a real, short training on the embedded data set."""
    folder = tmp_path_factory.mktemp("small")
    line = [sys.executable, "-m", "seg.train", *SMALL, f"hydra.run.dir={folder / 'run'}"]
    done = subprocess.run(
        line, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="session")
def camvid_root() -> Path:
    root = REPO.parent / "shared" / "data" / "camvid"
    if not root.is_dir():
        pytest.skip("needs the CamVid pictures in ../shared/data/camvid")
    return root


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
