"""What several test rooms share: a small real run, and the real pictures where they are."""

import subprocess
import sys
from pathlib import Path

import pytest

from seg.cpu import share_cores

share_cores()  # before any test imports torch

REPO = Path(__file__).resolve().parent.parent
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


def seg(command: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Type `python -m seg.COMMAND ARGUMENTS` in `cwd`."""
    line = [sys.executable, "-m", f"seg.{command}", *arguments]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a real, short training on the embedded data set."""
    folder = tmp_path_factory.mktemp("small")
    done = seg("train", *SMALL, f"hydra.run.dir={folder / 'run'}", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="session")
def camvid_root() -> Path:
    root = REPO.parent / "shared" / "data" / "camvid"
    if not root.is_dir():
        pytest.skip("needs the CamVid pictures in ../shared/data/camvid")
    return root
