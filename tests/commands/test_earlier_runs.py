"""Runs, sweeps and predictions made before modules were renamed go on as they would have then.

`earlier_runs.tar.xz` holds them as the code of then left them: a finished training and the card of
its export, one that was killed in its second epoch, a sweep that was killed in its second trial, a
pretraining, and a prediction of one of two images. `expected.json` is what that code made of them
afterwards. The weights repeat a pattern, so that the archive is small.
"""

import hashlib
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg.build.instantiate import check_targets
from seg.config.former_names import present_name
from seg.config.schema import TrainConfig, validate
from seg.deployment.metadata import read_card
from seg.training.checkpoint import read_checkpoint
from tests.conftest import seg

ARCHIVE = Path(__file__).with_name("earlier_runs.tar.xz")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def expected(earlier):
    return json.loads((earlier / "expected.json").read_text())


def assert_scores(run_dir, expected):
    scores = json.loads((run_dir / "metrics.json").read_text())
    for key, value in expected.items():
        same = pytest.approx(value, rel=1e-3, abs=1e-4) if value is not None else None
        assert scores[key] == same, key


def completed(command, *arguments, cwd):
    done = seg(command, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done


def test_a_checkpoint_scores_as_before(earlier, expected, tmp_path):
    line = (f"checkpoint={earlier / 'train'}", "device=cpu", f"hydra.run.dir={tmp_path / 'out'}")
    completed("evaluate", *line, cwd=tmp_path)
    assert_scores(tmp_path / "out", expected["evaluated"])


def test_a_run_that_was_killed_goes_on(earlier, expected):
    done = completed("train", f"resume={earlier / 'cut'}", "weights=null", cwd=earlier)
    assert "going on from step" in done.stdout
    assert_scores(earlier / "cut", expected["resumed"])


def test_a_sweep_that_was_killed_goes_on(earlier, expected):
    completed("train", f"resume={earlier / 'sweep'}", "weights=null", cwd=earlier)
    trials = json.loads((earlier / "sweep" / "trials.json").read_text())["trials"]
    states, values = zip(*expected["sweep"], strict=True)
    assert tuple(trial["state"] for trial in trials) == states
    assert [trial["value"] for trial in trials] == pytest.approx(values, abs=1e-4)


def test_a_pretraining_goes_on(earlier, expected):
    line = (f"resume={earlier / 'pretrain'}", "trainer.max_epochs=2", "encoder.weights=null")
    completed("pretrain", *line, cwd=earlier)
    assert_scores(earlier / "pretrain", expected["pretrained"])


def test_a_prediction_goes_on(earlier, expected):
    first = earlier / "predictions" / "a.png"
    before = first.stat().st_mtime_ns
    line = ("checkpoint=train", "input=images", "output=predictions", "formats=[labels]")
    completed("predict", *line, "device=cpu", cwd=earlier)
    assert first.stat().st_mtime_ns == before
    label = np.asarray(Image.open(earlier / "predictions" / "b.png"))
    assert hashlib.sha256(label.tobytes()).hexdigest() == expected["labels_sha256"]


def test_the_card_of_an_export_and_its_checkpoint_name_parts_of_today(earlier):
    (path,) = (earlier / "train" / "export").glob("*.pt2.json")
    recorded = read_card(path.with_suffix("")).checkpoint.config
    config = validate(TrainConfig, recorded)
    check_targets(config)
    assert config.dataset.node()["_target_"] == present_name(recorded["dataset"]["_target_"])
    checkpoint = read_checkpoint(earlier / "train")
    assert checkpoint.config["dataset"]["_target_"] == config.dataset.node()["_target_"]
