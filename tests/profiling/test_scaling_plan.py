"""Plans for many devices from numbers of one."""

import json

import pytest

from seg.errors import ConfigError, DataError
from seg.profiling.scaling_plan import Measured, plan, read_measured
from tests.conftest import seg
from tests.profiling.benchmark_files import DATA, TRAINING


@pytest.fixture
def files(tmp_path):
    for name, content in (("training", TRAINING), ("data", DATA)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "benchmark.json").write_text(json.dumps(content))
    return tmp_path / "training", tmp_path / "data"


def test_a_plan():
    measured = Measured("seg", 4, 16.0, 700.0, "a card", {"first": 20.0, "later": 3.0})
    found = plan(measured, samples=1000, base_lr=0.01, base_batch=16, devices=8, efficiency=0.5)
    assert (found.devices, found.batch, found.steps) == (8, 32, 32)  # 1,000 by 32: 31.25
    assert found.lr == pytest.approx(0.02)
    assert found.images_per_s == pytest.approx(64)
    assert found.hours * 3600 == pytest.approx(1000 / 64)
    assert found.readers == {"first": 1, "later": 3}  # 8 pictures/s a device


def test_the_quickest_of_ours_is_meant(files):
    measured = read_measured(*files, way=None, case=None)
    assert (measured.way, measured.images_per_s) == ("seg, channels_last", 16.0)
    assert measured.read_per_s == pytest.approx({"seg, first epoch": 20, "seg, later epochs": 100})
    assert read_measured(files[0], None, way="smp eager", case=None).images_per_s == 4


def test_what_is_wrong_is_named(files, tmp_path):
    training, data = files
    with pytest.raises(ConfigError, match=r"variant=x: not in .*allowed: smp eager, seg"):
        read_measured(training, None, way="x", case=None)
    with pytest.raises(ConfigError, match=r"table=x: not in .*allowed: streets"):
        read_measured(training, data, way=None, case="x")
    with pytest.raises(DataError, match=r"not of python -m seg.benchmark training"):
        read_measured(data, None, way=None, case=None)
    with pytest.raises(DataError, match=r"not of python -m seg.benchmark data"):
        read_measured(training, training, way=None, case=None)
    with pytest.raises(DataError, match=r"no such file"):
        read_measured(tmp_path, None, way=None, case=None)
    (training / "benchmark.json").write_text("{")
    with pytest.raises(DataError, match=r"damaged"):
        read_measured(training, None, way=None, case=None)


def test_the_command(files, tmp_path):
    training, data = files
    line = ["scale", f"training={training}", f"data={data}", "devices=2", "hydra.run.dir=plan"]
    done = seg("describe", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| images a step | 4 | 8 |" in done.stdout
    assert json.loads((tmp_path / "plan/describe.json").read_text())["plan"]["lr"] == 0.005
    done = seg("describe", "scale", cwd=tmp_path)
    assert done.returncode == 2
    assert "training: missing" in done.stderr
