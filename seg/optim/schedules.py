"""Learning-rate schedules, stepped once an optimizer step."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seg.errors import ConfigError


def poly(
    *, optimizer: Optimizer, total_steps: int, power: float = 0.9, warmup_steps: int = 0
) -> LambdaLR:
    """`(1 - step / total_steps) ** power` (DeepLab, Chen et al. 2017, section 4.1).

    Args:
        optimizer: its groups' `lr` are the peak values.
        total_steps: optimizer steps of the whole run.
        power: exponent; 0 keeps the rate constant.
        warmup_steps: steps of linear rise from near zero, part of `total_steps`.

    Raises:
        ConfigError: the warm-up does not fit the run.
    """
    if power < 0:
        raise ConfigError(f"scheduler.power={power}: must not be negative")
    if not 0 <= warmup_steps < max(total_steps, 1):
        raise ConfigError(
            f"scheduler.warmup_steps={warmup_steps}: must lie between 0 and "
            f"the run's {total_steps} steps"
        )

    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / (warmup_steps + 1))
        return warm * float(max(0.0, 1 - step / total_steps) ** power)

    return LambdaLR(optimizer, factor)
