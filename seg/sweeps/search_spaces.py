"""Sweeps in Hydra's grammar: their values, or spaces to draw from."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from seg.errors import ConfigError

_DIGITS = 6


@dataclass(frozen=True)
class Swept:
    """The sweeps of a command line, and the overrides that all trials share.

    Attributes:
        common: the overrides.
        sweeps: key, with a `+` before it where the line has one -> its override.
    """

    common: Sequence[str]
    sweeps: dict[str, Override]


def split(overrides: Sequence[Override]) -> Swept:
    """Separate sweeps from other overrides; of several values for a key the last one counts."""
    last = {override.key_or_group: override for override in overrides}
    common = [str(each.input_line) for each in last.values() if not each.is_sweep_override()]
    sweeps = {each.get_key_element(): each for each in last.values() if each.is_sweep_override()}
    return Swept(common, sweeps)


def values_of(key: str, override: Override) -> list[str]:
    """List the values of a choice, a range or a glob, in the same order every time.

    Raises:
        ConfigError: an interval, or no values.
    """
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{key}: an interval has no end of values; list some (a,b,c), or draw from it by "
            "hydra/sweeper=tpe or random"
        )
    before = random.getstate()
    random.seed(0)  # shuffle(...)
    try:
        values = list(override.sweep_string_iterator())
    finally:
        random.setstate(before)
    if isinstance(override.value(), RangeSweep):
        values = [_tidy(value) for value in values]
    if not values:
        raise ConfigError(f"{key}={override.get_value_string()}: nothing to choose from")
    return values


def samples_of(values: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return as few choices as show every value of each key once."""
    most = max(map(len, values.values()), default=1)
    return [{key: each[index % len(each)] for key, each in values.items()} for index in range(most)]


def _tidy(number: str) -> str:
    """Return a number without rounding errors: `0.7000000000000001` as `0.7`."""
    return number if number.lstrip("-").isdigit() else str(float(f"{float(number):.12g}"))


@dataclass(frozen=True)
class Space:
    """The space that a sweep draws one key from.

    Attributes:
        distribution: one of Optuna's.
        values: the listed values, as the command line takes them; empty of an interval.
        first: the first value or the lower bound.
    """

    distribution: Any
    values: Sequence[str] = ()
    first: str = ""

    def rounded(self, drawn: Any) -> Any:
        """Round a number of an interval to six digits, within the bounds."""
        if self.values or isinstance(drawn, int):
            return drawn
        low, high = self.distribution.low, self.distribution.high
        return min(max(float(f"{drawn:.{_DIGITS}g}"), low), high)

    def text(self, value: Any) -> str:
        """Return a value as the command line takes it."""
        if not self.values or isinstance(value, str):
            return str(value)
        return min(self.values, key=lambda each: abs(float(each) - value))


def space_of(key: str, override: Override) -> Space:
    """Return the space that a sweep stands for.

    Raises:
        ConfigError: bounds in the wrong order, or a logarithm of what is not above 0.
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        low, high, log = sweep.start, sweep.end, "log" in sweep.tags
        if low is None or high is None or not low < high or (log and low <= 0):
            asked = f"{key}={override.get_value_string()}"
            raise ConfigError(f"{asked}: give interval(LOW, HIGH), of a logarithm both above 0")
        if isinstance(low, int) and isinstance(high, int):
            return Space(IntDistribution(low, high, log=log), first=str(low))
        return Space(FloatDistribution(low, high, log=log), first=str(low))
    values = values_of(key, override)
    if isinstance(sweep, RangeSweep) and len(values) > 1:
        numbers = sorted(float(value) for value in values)
        step = float(_tidy(str(numbers[1] - numbers[0])))
        if all(value.lstrip("-").isdigit() for value in values):
            ends = (int(numbers[0]), int(numbers[-1]))
            return Space(IntDistribution(*ends, step=int(step)), values, values[0])
        return Space(FloatDistribution(numbers[0], numbers[-1], step=step), values, values[0])
    return Space(CategoricalDistribution(values), values, values[0])
