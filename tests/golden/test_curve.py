"""A short seeded training gives the numbers it always gave: what changes them says so here.

In double precision, so that machines with other vector units agree. After a change that is meant
to move the numbers, `python -m tests.golden.test_curve` records them anew.
"""

import csv
import json
import tempfile
from pathlib import Path

import pytest

from tests.conftest import SMALL, seg

RECORD = Path(__file__).with_name("curve.json")
RECIPE = (
    *SMALL,
    "trainer.precision=64-true",
    "optimizer=sgd",  # AdamW divides near-nothings by themselves: rounding grows tenfold a step
    "trainer.log_every_n_steps=1",
    "decoder.dropout=0",  # its masks depend on the generator of the machine's library
)
TOLERANCE = 1e-6


def measured(folder):
    done = seg("train", *RECIPE, f"hydra.run.dir={folder / 'run'}", cwd=folder)
    assert done.returncode == 0, done.stderr
    with (folder / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        key: [float(row[key]) for row in rows if row[key]]
        for key in ("train/loss", "val/loss", "val/miou")
    }


@pytest.mark.golden
def test_the_curve_of_a_short_training(tmp_path):
    recorded = json.loads(RECORD.read_text())
    found = measured(tmp_path)
    assert found.keys() == recorded.keys()
    for key, values in recorded.items():
        assert found[key] == pytest.approx(values, rel=TOLERANCE), key


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        RECORD.write_text(json.dumps(measured(Path(folder)), indent=1) + "\n")
