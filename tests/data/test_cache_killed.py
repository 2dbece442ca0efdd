"""What a killed process leaves of decoded samples."""

import signal
import subprocess
import sys

import numpy as np
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.wrappers.cached import CachedDataset
from seg.io.atomic import STAGED

LABELS = LabelSpace.identity(("road", "sky"), ((10, 20, 30), (200, 100, 50)))
KILLED = """
import sys
from pathlib import Path
from tests.data.test_cache_killed import dataset_in
from tests.faults import kill_before
kill_before("000000.pixels")
dataset_in(Path(sys.argv[1]))[0]
"""


def dataset_in(directory):
    pair = Pair("a", directory / "a.png", directory / "label.png")
    return CachedDataset(PairDataset((pair,), labels=LABELS, split="train"), directory / "cache")


def test_what_a_killed_process_left_in_a_cache_goes_at_the_next_start(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.fromarray(np.eye(6, 5, dtype=np.uint8)).save(tmp_path / "label.png")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = (tmp_path / "cache").glob("*/*")
    assert left.name.startswith(STAGED)
    dataset = dataset_in(tmp_path)
    assert not list((tmp_path / "cache").glob("*/*"))
    for _ in range(2):
        assert np.array_equal(dataset[0].image, image)
    assert [path.name for path in (tmp_path / "cache").glob("*/*")] == ["000000.pixels"]
