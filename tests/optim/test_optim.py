import pytest
import torch
from torch import nn

from seg.errors import ConfigError
from seg.optim.groups import parameter_groups
from seg.optim.schedules import poly


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Conv2d(8, 4, 1, bias=False),
        nn.Linear(4, 2),
    )


def test_groups_are_disjoint_complete_and_right():
    model = network()
    decayed, free = parameter_groups(model, 0.1)
    assert {id(p) for p in decayed["params"]} == {
        id(model[0].weight),
        id(model[3].weight),
        id(model[4].weight),
    }
    assert decayed["weight_decay"] == 0.1
    assert free["weight_decay"] == 0
    assert len(decayed["params"]) + len(free["params"]) == len(list(model.parameters()))


def test_frozen_parameters_are_left_out():
    model = network()
    model[0].requires_grad_(False)
    grouped = [p for group in parameter_groups(model, 0.1) for p in group["params"]]
    assert model[0].weight not in set(grouped)


def rates(total_steps, **options):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = poly(optimizer=optimizer, total_steps=total_steps, **options)
    seen = []
    for _ in range(total_steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_poly_is_the_published_formula():
    assert rates(10, power=0.9) == pytest.approx([2 * (1 - step / 10) ** 0.9 for step in range(10)])


def test_warm_up_rises_then_joins():
    seen = rates(20, power=0.9, warmup_steps=4)
    assert seen[0] < seen[1] < seen[2] < seen[3] < 2
    assert seen[4:] == pytest.approx([2 * (1 - step / 20) ** 0.9 for step in range(4, 20)])


@pytest.mark.parametrize("options", [{"warmup_steps": 10}, {"warmup_steps": -1}, {"power": -1.0}])
def test_impossible_schedules_are_refused(options):
    with pytest.raises(ConfigError):
        rates(10, **options)
