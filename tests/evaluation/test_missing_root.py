"""Data that a checkpoint was trained on may be gone: reported before torch is imported."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seg.build.datasets import refuse_missing_root
from tests.conftest import seg

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


def test_where_the_data_lies_now_is_typed(tmp_path):
    root, moved = tmp_path / "data", tmp_path / "moved"
    for split in ("train", "val"):
        for kind, shape in (("images", (64, 64, 3)), ("labels", (64, 64))):
            (root / kind / split).mkdir(parents=True)
            for number in range(2):
                pixels = np.random.default_rng(number).integers(0, 2, shape, np.uint8)
                Image.fromarray(pixels).save(root / kind / split / f"{number}.png")
    (root / "classes.json").write_text('["sky", "road"]')
    line = (
        *("dataset=folder", f"dataset.root={root}", "encoder=aligned_xception_micro"),
        *("trainer.max_steps=1", "trainer.accelerator=cpu", "loader.num_workers=0"),
        *("loader.batch_size=2", "augmentation.crop=[64,64]", "logger=csv"),
        *("callbacks.gif=null", f"hydra.run.dir={tmp_path / 'run'}"),
    )
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    root.rename(moved)
    line = (f"checkpoint={tmp_path / 'run'}", "device=cpu")
    done = seg("evaluate", *line, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    remedy = re.search(r"was trained on it; give (dataset\.root=)DIRECTORY", done.stderr)[1]
    done = seg("evaluate", *line, f"{remedy}{moved}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
