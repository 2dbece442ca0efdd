"""Schedules against the published formulas and torch's own; groups keep their ratios."""

import math

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from seg.errors import ConfigError
from seg.optim.schedules import cosine, one_cycle, poly, step

PEAK = 2.0
FEW = {
    poly: {"warmup_steps": 2},
    cosine: {"floor_share": 0.1, "warmup_steps": 2},
    step: {"milestones": [0.5], "gamma": 0.2},
    one_cycle: {},
}


def optimizer_of(*rates, kind=torch.optim.SGD, **options):
    return kind([{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in rates], **options)


def run(optimizer, schedule, steps, read=lambda group: group["lr"]):
    """What each step saw, a tuple a group."""
    seen = []
    for _ in range(steps):
        seen.append([read(group) for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return seen


def rates(schedule, total_steps, **options):
    optimizer = optimizer_of(PEAK, momentum=0.9)
    built = schedule(optimizer=optimizer, total_steps=total_steps, **options)
    return [lr for (lr,) in run(optimizer, built, total_steps)]


def of_torch(make, steps):
    optimizer = optimizer_of(PEAK)
    return [lr for (lr,) in run(optimizer, make(optimizer), steps)]


def test_poly_is_the_published_formula():
    assert rates(poly, 10) == pytest.approx([2 * (1 - at / 10) ** 0.9 for at in range(10)])
    expected = of_torch(lambda o: lr_scheduler.PolynomialLR(o, total_iters=10, power=0.9), 10)
    assert rates(poly, 10) == pytest.approx(expected)


def test_warm_up_rises_then_joins():
    seen = rates(poly, 20, warmup_steps=4)
    expected = of_torch(lambda o: lr_scheduler.PolynomialLR(o, total_iters=20, power=0.9), 20)
    warm = of_torch(
        lambda o: lr_scheduler.LinearLR(o, start_factor=1 / 5, end_factor=1, total_iters=4), 20
    )
    assert seen == pytest.approx([a * b / PEAK for a, b in zip(expected, warm, strict=True)])


def deeplab(now, *, base, slow, start, total, power):
    """`train_utils.get_model_learning_rate` of the TensorFlow release, in plain numbers."""
    if now < start:
        return slow
    return base * (1 - max(now - start, 0) / (total - start)) ** power


def test_slow_start_is_that_of_deeplab():
    seen = rates(poly, 30, slow_start_steps=6, slow_start_share=0.05)
    assert seen == pytest.approx(
        [deeplab(at, base=2, slow=0.1, start=6, total=30, power=0.9) for at in range(30)]
    )


@pytest.mark.parametrize("floor", [0.0, 0.25])
def test_cosine_is_that_of_torch(floor):
    expected = of_torch(
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=15, eta_min=floor * PEAK), 15
    )
    assert rates(cosine, 15, floor_share=floor) == pytest.approx(expected)
    warm = rates(cosine, 15, floor_share=floor, warmup_steps=3)
    assert warm[3:] == pytest.approx(expected[3:])
    assert warm[:3] == pytest.approx([e * (at + 1) / 4 for at, e in enumerate(expected[:3])])


@pytest.mark.parametrize("milestones", [[0.25, 0.5], [5, 10], [0.25, 10]])
def test_step_is_that_of_torch(milestones):
    expected = of_torch(lambda o: lr_scheduler.MultiStepLR(o, milestones=[5, 10], gamma=0.3), 20)
    assert rates(step, 20, milestones=milestones, gamma=0.3) == pytest.approx(expected)


def half_cosine(start, end, share):
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_one_cycle_rises_and_falls_and_momentum_the_other_way(kind):
    total, rise = 41, 0.25
    optimizer = optimizer_of(
        PEAK, kind=kind, **({"momentum": 0.9} if kind is torch.optim.SGD else {})
    )
    schedule = one_cycle(
        optimizer=optimizer, total_steps=total, rise_share=rise, start_divisor=10, end_divisor=100
    )

    def read(group):
        return group["lr"], group["momentum"] if "momentum" in group else group["betas"][0]

    peak_at, end_at = rise * total - 1, total - 1
    for at, (seen,) in enumerate(run(optimizer, schedule, total, read)):
        if at <= peak_at:
            share = at / peak_at
            expected = half_cosine(0.2, 2.0, share), half_cosine(0.95, 0.85, share)
        else:
            share = (at - peak_at) / (end_at - peak_at)
            expected = half_cosine(2.0, 0.002, share), half_cosine(0.85, 0.95, share)
        assert seen == pytest.approx(expected)


@pytest.mark.parametrize("schedule", FEW, ids=lambda each: each.__name__)
def test_groups_keep_their_ratios(schedule):
    optimizer = optimizer_of(2.0, 20.0, 0.5, momentum=0.9)
    built = schedule(optimizer=optimizer, total_steps=12, **FEW[schedule])
    seen = run(optimizer, built, 12)
    alone = rates(schedule, 12, **FEW[schedule])
    assert seen == [pytest.approx([lr, 10 * lr, lr / 4]) for lr in alone]


@pytest.mark.parametrize(
    ("schedule", "options"),
    [
        (poly, {"warmup_steps": 10}),
        (poly, {"warmup_steps": -1}),
        (poly, {"power": -1.0}),
        (poly, {"slow_start_steps": 10}),
        (poly, {"slow_start_share": 1.5}),
        (poly, {"slow_start_steps": 2, "warmup_steps": 2}),
        (cosine, {"floor_share": -0.1}),
        (cosine, {"warmup_steps": 11}),
        (step, {"milestones": [0.5, 0.4]}),
        (step, {"milestones": [20]}),
        (step, {"milestones": [0.5], "gamma": 2.0}),
        (one_cycle, {"rise_share": 1.2}),
        (one_cycle, {"momentum": [0.95, 0.85]}),
        (one_cycle, {"end_divisor": 0}),
    ],
)
def test_impossible_schedules_are_refused(schedule, options):
    with pytest.raises(ConfigError, match="scheduler"):
        rates(schedule, 10, **options)


def test_one_cycle_without_momentum_to_cycle():
    with pytest.raises(ConfigError, match="cycle_momentum=false"):
        one_cycle(optimizer=optimizer_of(PEAK, kind=torch.optim.Adagrad), total_steps=9)
    optimizer = optimizer_of(PEAK, kind=torch.optim.Adagrad)
    one_cycle(optimizer=optimizer, total_steps=9, cycle_momentum=False)
