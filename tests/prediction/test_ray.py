"""Ray spreads the work and changes no byte."""

import os
import subprocess
import sys

import pytest

from tests.prediction.conftest import files_in, film, predict

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


def on_ray(checkpoint, source, *arguments, cwd):
    """In a process that shares nothing: Ray starts processes of its own."""
    line = [sys.executable, "-m", "seg.predict", f"checkpoint={checkpoint}", f"input={source}"]
    choices = ["device=cpu", "backend=ray", "ray_workers=2", f"output={cwd / 'ray'}", *arguments]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.run(
        [*line, *choices], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_the_same_files_as_in_one_process(checkpoint, pictures, tmp_path):
    film(pictures / "clip.avi")
    (pictures / "a/4.png").write_bytes(b"damaged")
    chosen = ("formats=[labels,overlay,probabilities,coco,areas]", "threads=1")
    local = predict(checkpoint, pictures, *chosen, cwd=tmp_path)
    assert local.returncode == 3, local.stderr
    spread = on_ray(checkpoint, pictures, *chosen, cwd=tmp_path)
    assert spread.returncode == 3, spread.stderr
    assert "1 of 12 images could not be read" in spread.stderr
    assert files_in(tmp_path / "ray") == files_in(tmp_path / "out")
    (tmp_path / "ray/b/3.png").unlink()
    assert on_ray(checkpoint, pictures, *chosen, cwd=tmp_path).returncode == 3
    assert files_in(tmp_path / "ray") == files_in(tmp_path / "out")


def test_no_cluster(checkpoint, pictures, tmp_path):
    refused = on_ray(checkpoint, pictures, "ray_address='127.0.0.1:1'", cwd=tmp_path)
    assert refused.returncode == 2, refused.stderr
    assert "no cluster answers" in refused.stderr
