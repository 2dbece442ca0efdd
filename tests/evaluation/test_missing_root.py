"""Data that a checkpoint was trained on may be gone: reported before torch is imported."""

import subprocess
import sys

import pytest

from seg.build.datasets import refuse_missing_root

EVALUATE = """
import sys
from seg.evaluate import main
sys.argv[1:] = ["checkpoint=run", "hydra.run.dir=scores"]
try:
    main()
finally:
    assert "torch" not in sys.modules
"""


def test_a_recorded_root_that_is_gone_is_named_before_torch_is_imported(tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/checkpoints/best.ckpt").write_bytes(b"")
    (tmp_path / "run/config.yaml").write_text("dataset: {root: gone}\n")
    line = [sys.executable, "-c", EVALUATE]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("error: dataset.root=gone: no such directory\n")
    assert "give dataset.root=DIRECTORY" in done.stderr
    assert not (tmp_path / "scores").exists() or not list((tmp_path / "scores").glob("*.json"))


@pytest.mark.parametrize("record", ["", "dataset: {root: null}", "dataset: {}", "- 1", "a: *b"])
def test_a_record_that_says_nothing_stops_nothing(tmp_path, record):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.yaml").write_text(record)
    refuse_missing_root(tmp_path / "checkpoints/best.ckpt", {})
    refuse_missing_root(tmp_path / "elsewhere.ckpt", {})
    (tmp_path / "config.yaml").write_text("dataset: {root: gone}\n")
    refuse_missing_root(tmp_path / "checkpoints/best.ckpt", {"root": str(tmp_path)})
