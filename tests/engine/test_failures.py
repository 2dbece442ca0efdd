"""What kills long runs, done to real processes: each ends in words, and leaves what was there."""

import json
import shlex
import shutil
import subprocess
import sys

import pytest
import torch

from tests.conftest import SMALL, seg
from tests.engine.conftest import RECIPE, checkpoint

NAMESPACE = ("unshare", "-m", "--propagation", "private")


def can_mount():
    """Whether this process may have a /dev/shm of its own."""
    if shutil.which("unshare") is None:
        return False
    probe = [*NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/dev/shm"]
    return not subprocess.run(probe, capture_output=True, check=False).returncode


def train(tmp_path, *choices, fault=None):
    line = [*SMALL, "trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}", *choices]
    return seg("train", *line, cwd=tmp_path, fault=fault)


def assert_told(done, code, *parts):
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 8
    for part in parts:
        assert part in done.stderr


@pytest.mark.slow
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path):
    run_dir = tmp_path / "run"
    line = [*RECIPE, f"hydra.run.dir={run_dir}", "resume=auto"]
    killed = seg("train", *line, cwd=tmp_path, fault="kill_at_sync:3")
    assert killed.returncode == -9, killed.stderr
    before = (run_dir / "checkpoints" / "last.ckpt").read_bytes()
    done = seg("train", *line, cwd=tmp_path, fault="full_disk:2000000")
    assert_told(done, 6, "last.ckpt: cannot be written", "resume=RUN_DIR")
    assert (run_dir / "checkpoints" / "last.ckpt").read_bytes() == before
    assert not list((run_dir / "checkpoints").glob(".*"))


@pytest.mark.slow
def test_nothing_passes_through_another_file_system(tmp_path):
    done = train(tmp_path, "logger=csv", fault="every_folder_a_device:")
    assert done.returncode == 0, done.stderr
    assert checkpoint(tmp_path / "run")["global_step"] == 4


DIVERGING = ("optimizer=sgd", "optimizer.lr=1e30", "callbacks.checkpoints.every_n_steps=1")


def test_divergence_is_recorded_and_never_the_best(tmp_path):
    done = train(tmp_path, *DIVERGING)
    assert_told(done, 4, "the loss is", "lower")
    record = json.loads((tmp_path / "run" / "divergence.json").read_text())
    assert record["last_steps"][0]["epoch"] == 0
    assert len(record["last_steps"][-1]["samples"]) == 4
    assert not list(tmp_path.glob("run/checkpoints/best.ckpt"))
    for path in tmp_path.glob("run/checkpoints/*.ckpt"):
        state = torch.load(path, weights_only=True)["state_dict"]
        assert all(v.isfinite().all() for v in state.values() if v.is_floating_point())


@pytest.mark.slow
def test_divergence_is_rolled_back(tmp_path):
    rollback = ("nan_policy.action=rollback", "nan_policy.lr_factor=1e-32")
    done = train(tmp_path, *DIVERGING, *rollback)
    assert done.returncode == 0, done.stderr
    assert "back to step" in done.stdout + done.stderr
    last = checkpoint(tmp_path / "run")
    assert last["global_step"] == 4
    assert last["callbacks"]["LearningRateScale"]["scale"] == pytest.approx(1e-32)


@pytest.mark.slow
def test_out_of_memory_names_what_fits(tmp_path):
    large = ("dataset.size=[256,512]", "augmentation.crop=[256,512]", "loader.batch_size=16")
    done = train(tmp_path, *large, fault="little_memory:2200")
    assert_told(
        done, 5, "loader.batch_size=16, crops of 256 x 512", "this fits: loader.batch_size="
    )


@pytest.mark.parametrize(
    ("fault", "parts"),
    [
        ("reader_dies:5", ["a loader worker was killed", "sample 5 of split 'train'"]),
        pytest.param(
            "reader_hangs:5",
            ["loader.timeout_s=20", "sample 5 of split 'train'"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_worker_that_is_lost(fault, parts, tmp_path):
    done = train(tmp_path, "loader.num_workers=2", "loader.timeout_s=20", fault=fault)
    assert_told(done, 3, *parts)


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace of its own")
def test_a_small_shared_memory_is_named(tmp_path):
    large = ("dataset.size=[128,256]", "augmentation.crop=[128,256]", "loader.num_workers=1")
    line = [*SMALL, *large, "trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}"]
    command = shlex.join([sys.executable, "-m", "seg.train", *line])
    small = f"mount -t tmpfs -o size=256k tmpfs /dev/shm && exec {command}"
    done = subprocess.run(
        [*NAMESPACE, "bash", "-c", small], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert_told(done, 3, "/dev/shm (0.25 MiB)", "--shm-size", "loader.num_workers")
