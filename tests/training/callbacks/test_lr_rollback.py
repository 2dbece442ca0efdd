"""Rates of a run that goes on past the end of its schedule."""

from types import SimpleNamespace

import pytest
import torch

from seg.optim.schedules import poly
from seg.training.callbacks.lr_rollback import LearningRateScale


@pytest.mark.parametrize("scale", [None, 0.5])
def test_the_first_rate_is_that_of_the_schedule_as_it_is_now(scale):
    def begun(total_steps):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        return optimizer, poly(optimizer=optimizer, total_steps=total_steps)

    optimizer, schedule = begun(4)
    for _ in range(4):
        optimizer.step()
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0
    longer, stretched = begun(8)
    longer.load_state_dict(optimizer.state_dict())
    stretched.load_state_dict(schedule.state_dict())
    trainer = SimpleNamespace(
        optimizers=[longer], lr_scheduler_configs=[SimpleNamespace(scheduler=stretched)]
    )
    callback = LearningRateScale()
    callback.from_schedule, callback.target = True, scale
    callback.on_train_start(trainer, None)
    assert longer.param_groups[0]["lr"] == pytest.approx((scale or 1) * 0.1 * 0.5**0.9)
