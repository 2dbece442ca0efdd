"""Both ways give the same numbers; ours in less than half of the memory."""

import json

import pytest
import torch

from seg.benchmarks.loss_speed import OURS, TEXTBOOK, loss_and_gradient
from tests.conftest import seg


def test_both_ways_give_the_same_numbers():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(2, 5, 17, 25, generator=generator)
    label = torch.randint(5, (2, 65, 97), generator=generator).byte()
    label[:, :6] = 255
    expected, found = (loss_and_gradient(way, coarse, label, 5) for way in (TEXTBOOK, OURS))
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=0)
    assert (found[1] - expected[1]).abs().max() < 2e-6 * expected[1].abs().max()


@pytest.mark.slow
def test_the_command_measures_less_than_half_of_the_memory(tmp_path):
    line = ["loss", "rounds=1", "device=cpu", "hydra.run.dir=run"]
    done = seg("benchmark", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/benchmark.md").read_text().strip() in done.stdout
    numbers = json.loads((tmp_path / "run/benchmark.json").read_text())
    assert numbers["peak_mib"][OURS] < 0.5 * numbers["peak_mib"][TEXTBOOK]
    logits_mib = 4 * 19 * 769 * 769 * 4 / 2**20
    assert numbers["peak_mib"][TEXTBOOK] > 2 * logits_mib  # resized, and their log softmax
    assert set(numbers["seconds"]) == {TEXTBOOK, f"{TEXTBOOK}, memory kept", OURS}
