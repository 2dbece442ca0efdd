"""The layers are those of the network; the ways agree; without a card there is nothing to time."""

import pytest
import torch

from seg.benchmarks import depthwise
from seg.benchmarks.timing import Timing
from tests.conftest import seg


def test_the_layers_of_the_network():
    found = depthwise.layers((2, 3, 769, 769))
    assert sum(layer.count for layer in found) == 3 * 21  # 3 + 16 + 2 blocks of three
    assert found[0] == depthwise.Layer((2, 64, 385, 385), 1, 1)
    middle = depthwise.Layer((2, 728, 49, 49), 1, 1, 16 * 3 + 2)
    assert middle in found


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_all_ways_of_a_part_agree(device):
    layer = depthwise.Layer((1, 16, 9, 9), 2, 1)
    for name, way in depthwise.ways(layer, torch.device(device)).items():
        part, _, kind = name.partition(", ")
        if kind == "torch":
            expected = way()
        elif device == "cuda" or not kind.startswith("triton"):
            torch.testing.assert_close(way(), expected, rtol=2e-2, atol=2e-2, msg=part)


def test_table_and_total():
    layer = depthwise.Layer((1, 16, 9, 9), 1, 1, count=2)
    kinds = {"torch": 4e-3, depthwise.NATIVE: 1e-3, "triton 8x8x64": 2e-3, "triton 4x16x64": 3e-3}
    timings = {
        f"{part}, {kind}": Timing((s,)) for part in depthwise.PARTS for kind, s in kinds.items()
    }
    assert "| output | 4.000 | 1.000 | 2.000 | 8x8x64 | 2.00 |" in depthwise.table({layer: timings})
    expected = {"cuDNN": 2 * 3 * 4e-3, "fastest": 2 * 3 * 2e-3}
    assert depthwise.totals({layer: timings}) == pytest.approx(expected)


def test_without_a_card_the_command_says_so(tmp_path):
    done = seg("benchmark", "depthwise", "device=cpu", "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 2
    assert "device=cuda" in done.stderr


@pytest.mark.gpu
def test_the_command_measures(tmp_path):
    line = ["depthwise", "rounds=1", "images=[1,3,65,65]", "device=cuda", "hydra.run.dir=run"]
    done = seg("benchmark", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "A training step" in (tmp_path / "run/benchmark.md").read_text()
