"""Learning-rate schedules, stepped once an optimizer step.

Each scales what every parameter group starts with, so that groups keep their ratios.
"""

import math
from collections.abc import Callable, Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from seg.errors import ConfigError


def poly(
    *,
    optimizer: Optimizer,
    total_steps: int,
    power: float = 0.9,
    warmup_steps: int = 0,
    slow_start_steps: int = 0,
    slow_start_share: float = 0.0,
) -> LambdaLR:
    """Decay as `(1 - step / total_steps) ** power` (DeepLab, Chen et al. 2017, section 4.1).

    With a slow start the polynomial runs over the steps after it, as in DeepLab's
    `get_model_learning_rate`; its `slow_start_learning_rate` is `slow_start_share` times `lr`.

    Args:
        optimizer: its groups' `lr` are the peak values.
        total_steps: optimizer steps of the whole run.
        power: exponent; 0 keeps the rate constant.
        warmup_steps: steps of linear rise from near zero, part of `total_steps`.
        slow_start_steps: first steps at one small rate, part of `total_steps`.
        slow_start_share: that rate, as a share of the peak.

    Raises:
        ConfigError: a negative power; a start that does not fit the run; both kinds of start.
    """
    if power < 0:
        raise ConfigError(f"scheduler.power={power}: must not be negative")
    _check_steps("slow_start_steps", slow_start_steps, total_steps)
    _check_share("slow_start_share", slow_start_share)
    if warmup_steps and slow_start_steps:
        raise ConfigError("scheduler.warmup_steps and scheduler.slow_start_steps: give one of them")

    def curve(step: int) -> float:
        if step < slow_start_steps:
            return slow_start_share
        rest = total_steps - slow_start_steps
        return float(max(0.0, 1 - (step - slow_start_steps) / rest) ** power)

    return _scaled(optimizer, total_steps, warmup_steps, curve)


def cosine(
    *, optimizer: Optimizer, total_steps: int, floor_share: float = 0.0, warmup_steps: int = 0
) -> LambdaLR:
    """Decay along half a cosine to a floor (Loshchilov and Hutter, "SGDR", 2017, equation 5).

    Args:
        optimizer: its groups' `lr` are the peak values.
        total_steps: optimizer steps of the whole run.
        floor_share: where the cosine ends, as a share of the peak.
        warmup_steps: see `poly`.

    Raises:
        ConfigError: a share outside 0 to 1; a warm-up that does not fit the run.
    """
    _check_share("floor_share", floor_share)

    def curve(step: int) -> float:
        fallen = (1 - math.cos(math.pi * min(1.0, step / total_steps))) / 2
        return 1 - (1 - floor_share) * fallen

    return _scaled(optimizer, total_steps, warmup_steps, curve)


def step(
    *,
    optimizer: Optimizer,
    total_steps: int,
    milestones: Sequence[float],
    gamma: float = 0.1,
    warmup_steps: int = 0,
) -> LambdaLR:
    """Multiply the rate by `gamma` at each milestone (He et al., "ResNet", 2016, section 3.4).

    Args:
        optimizer: its groups' `lr` are the peak values.
        total_steps: optimizer steps of the whole run.
        milestones: in rising order; below 1 shares of the run, else steps.
        gamma: the factor.
        warmup_steps: see `poly`.

    Raises:
        ConfigError: milestones that do not rise or lie outside the run; a factor outside 0 to 1.
    """
    _check_share("gamma", gamma)
    at = [
        round(milestone * total_steps) if milestone < 1 else int(milestone)
        for milestone in milestones
    ]
    if at != sorted(set(at)) or any(not 0 < milestone < total_steps for milestone in at):
        raise ConfigError(
            f"scheduler.milestones={list(milestones)}: steps {at} of {total_steps}; give rising "
            "shares between 0 and 1, or steps inside the run"
        )

    def curve(now: int) -> float:
        return float(gamma ** sum(now >= milestone for milestone in at))

    return _scaled(optimizer, total_steps, warmup_steps, curve)


def exponential(
    *,
    optimizer: Optimizer,
    total_steps: int,
    gamma: float,
    every_steps: int,
    warmup_steps: int = 0,
) -> LambdaLR:
    """Multiply the rate by `gamma` every so many steps (Chollet, "Xception", 2017, 4.3).

    Args:
        optimizer: its groups' `lr` are the peak values.
        total_steps: optimizer steps of the whole run.
        gamma: the factor.
        every_steps: from one decay to the next, 1 or more; those of two epochs in the paper.
        warmup_steps: see `poly`.

    Raises:
        ConfigError: values outside those; a warm-up that does not fit the run.
    """
    _check_share("gamma", gamma)
    if every_steps < 1:
        raise ConfigError(f"scheduler.every_steps={every_steps}; allowed: 1 or more")

    def curve(now: int) -> float:
        return float(gamma ** (now // every_steps))

    return _scaled(optimizer, total_steps, warmup_steps, curve)


def one_cycle(
    *,
    optimizer: Optimizer,
    total_steps: int,
    rise_share: float = 0.3,
    start_divisor: float = 25.0,
    end_divisor: float = 1e4,
    cycle_momentum: bool = True,
    momentum: Sequence[float] = (0.85, 0.95),
) -> LRScheduler:
    """Rise to the peak and fall below the start along cosines, momentum the other way.

    Source: Smith and Topin, "Super-Convergence" (2018), section 3; the shape is PyTorch's.

    Args:
        optimizer: its groups' `lr` are the peak values.
        total_steps: optimizer steps of the whole run.
        rise_share: share of the run until the peak.
        start_divisor: peak over first rate.
        end_divisor: first rate over last rate.
        cycle_momentum: whether momentum (Adam's first beta) falls while the rate rises.
        momentum: at the peak, and at both ends.

    Raises:
        ConfigError: values outside those; momentum to cycle where the optimizer has none.
    """
    _check_share("rise_share", rise_share)
    if len(momentum) != 2 or not 0 <= momentum[0] <= momentum[1] < 1:
        raise ConfigError(
            f"scheduler.momentum={list(momentum)}; give two of 0 to below 1, lower first"
        )
    if min(start_divisor, end_divisor) <= 0:
        raise ConfigError("scheduler.start_divisor and scheduler.end_divisor must be above 0")
    try:
        return OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            total_steps=total_steps,
            pct_start=float(rise_share),
            div_factor=start_divisor,
            final_div_factor=end_divisor,
            cycle_momentum=cycle_momentum,
            base_momentum=momentum[0],
            max_momentum=momentum[1],
        )
    except ValueError as error:
        remedy = "; scheduler.cycle_momentum=false leaves momentum alone"
        raise ConfigError(
            f"scheduler: {error}{remedy if 'momentum' in str(error) else ''}"
        ) from None


def _scaled(
    optimizer: Optimizer, total_steps: int, warmup_steps: int, curve: Callable[[int], float]
) -> LambdaLR:
    _check_steps("warmup_steps", warmup_steps, total_steps)

    def factor(step: int) -> float:
        return min(1.0, (step + 1) / (warmup_steps + 1)) * curve(step)

    return LambdaLR(optimizer, factor)


def _check_steps(name: str, steps: int, total_steps: int) -> None:
    if not 0 <= steps < max(total_steps, 1):
        raise ConfigError(
            f"scheduler.{name}={steps}: must lie between 0 and the run's {total_steps} steps"
        )


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigError(f"scheduler.{name}={share}; allowed: 0 to 1")
