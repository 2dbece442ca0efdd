"""Small forms of the timed tasks: every way says the same, and the files hold what was timed."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from seg.benchmarks import evaluation_speed, inference_speed, training_speed
from seg.benchmarks.interleaved import Prepared, Way, in_turn, select
from seg.benchmarks.layers import layers_of
from seg.benchmarks.models import Workload
from seg.cpu import disable_malloc_trim
from seg.errors import ConfigError
from tests.conftest import SMALL, seg

CPU = torch.device("cpu")
JOB = Workload(1, (48, 64), "aligned_xception_tiny", "deeplabv3plus", 16, "tu-resnet18", CPU)


def _sleepy() -> Prepared:
    return Prepared(lambda: torch.zeros(2**22).add_(1), nn.Linear(3, 2))


def _broken() -> Prepared:
    raise ValueError("no such thing")


@pytest.mark.slow
def test_ways_take_turns_in_processes_of_their_own():
    found = in_turn({"one": Way(_sleepy), "two": Way(_sleepy, tuned=True)}, rounds=3, device=CPU)
    assert list(found) == ["one", "two"]
    for way in found.values():
        assert len(way.time.seconds) == 3
        assert min(way.time.seconds) > 0
        assert way.parameters == 8
        assert 15 < way.peak_mib < 40


def test_a_way_that_fails_is_named_with_its_reason():
    with pytest.raises(ConfigError, match=r"(?s)bad: failed.*no such thing"):
        in_turn({"bad": Way(_broken)}, rounds=1, device=CPU)


def test_a_name_that_is_no_encoders_is_answered_without_a_traceback():
    job = replace(JOB, encoder="patches")
    bad = {"seg": training_speed.ways(job)["seg"]}
    with pytest.raises(ConfigError, match=r"^seg: failed\nunknown encoder: 'patches'\n  allowed: "):
        in_turn(bad, rounds=1, device=CPU)


def test_ways_are_chosen_by_parts_of_their_names():
    ways = {name: Way(_sleepy) for name in ("smp eager", "smp, bf16", "seg")}
    assert list(select(ways, ["seg"])) == ["smp eager", "seg"]
    assert select(ways, None) == ways
    with pytest.raises(ConfigError, match="'torhc' is in no name"):
        select(ways, ["torhc"])
    with pytest.raises(ConfigError, match="no_such_package is missing"):
        select({"first": Way(_sleepy, needs=("no_such_package",))}, None)


def test_layers_are_counted_by_kind():
    model = nn.Sequential(
        nn.Conv2d(8, 8, 3, padding=4, dilation=4, groups=8, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 5, 1, bias=False),
    ).eval()
    image = torch.rand(1, 8, 6, 10)

    @torch.inference_mode()
    def call():
        return functional.interpolate(model(image), scale_factor=2, mode="bilinear").argmax(1)

    found = layers_of(call, CPU)
    assert found.kinds["dilated depthwise"].multiply_adds == 60 * 8 * 9
    assert found.kinds["pointwise"].multiply_adds == 60 * 8 * 5
    assert found.multiply_adds == 60 * 8 * 14
    assert {"norm", "activation", "resize", "rest"} <= set(found.kinds)
    assert found.kinds["norm"].bytes_moved >= 2 * 4 * 480


def test_our_ways_give_the_same_labels():
    disable_malloc_trim()
    names = ("seg", "seg, channels_last", "seg, optimize()")
    ways = inference_speed.ways(JOB, engines=[], compiled=False)
    first, *others = (ways[name].prepare().call() for name in names)
    assert first.shape == (1, 48, 64)
    assert first.dtype == torch.uint8
    for other in others:
        assert (other != first).float().mean() < 0.01


@pytest.mark.slow
def test_training_ways_of_one_network_have_the_same_loss():
    ways = training_speed.ways(replace(JOB, batch=2))
    for names in (
        ("smp eager", "smp, channels_last"),
        ("seg", "seg, channels_last", "seg, channels_last, fused SGD"),
    ):
        steps = [ways[name].prepare().call for name in names]
        losses = torch.tensor([[float(step()) for _ in range(2)] for step in steps])
        assert torch.isfinite(losses).all()
        torch.testing.assert_close(losses, losses[:1].expand_as(losses), rtol=1e-2, atol=1e-2)
        assert (losses[:, 0] != losses[:, 1]).all()


def test_both_evaluations_count_the_same():
    pytest.importorskip("torchmetrics")
    ways = evaluation_speed.ways((97, 129), CPU)
    found = [torch.as_tensor(ways[name].prepare().call()).cpu().long() for name in ways]
    assert found[0].sum() == 97 * 129 - 9 * 129
    assert (found[0] - found[-1]).abs().sum() <= 4


@pytest.mark.slow
@pytest.mark.parametrize(("task", "ways"), [("inference", "[optimize]"), ("training", "[fused]")])
def test_the_command_leaves_numbers_table_and_picture(tmp_path, task, ways):
    small = ["size=[64,64]", "encoder_name=aligned_xception_tiny", "peer_encoder=tu-resnet18"]
    line = [task, *small, f"variants={ways}", "rounds=2", "device=cpu", "hydra.run.dir=run"]
    done = seg("benchmark", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    numbers = json.loads((tmp_path / "run/benchmark.json").read_text())
    assert next(iter(numbers["seconds"])) == "smp eager"
    assert all(len(seconds) == 2 for seconds in numbers["seconds"].values())
    assert "| smp eager |" in (tmp_path / "run/benchmark.md").read_text()
    with Image.open(tmp_path / "run/benchmark.png") as picture:
        assert picture.height > 30 * len(numbers["seconds"])


@pytest.mark.slow
def test_the_first_training_step_ends_the_process(tmp_path):
    line = [sys.executable, "-m", "seg.benchmarks.time_to_first_step", *SMALL, "hydra.run.dir=run"]
    subprocess.run(line, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    assert (tmp_path / "run/config.yaml").exists()
    assert not list(tmp_path.rglob("*.ckpt"))
