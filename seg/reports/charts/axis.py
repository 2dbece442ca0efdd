"""The numbers of an axis: round ticks, bounds and labels."""

import math
from collections.abc import Sequence

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers between two bounds, with at most `most` intervals between them.

    If the upper bound is not above the lower one, the range is widened.
    """
    if not high > low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(each * power for each in _STEPS if each * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def around(low: float, high: float, most: int = 5) -> tuple[float, float]:
    """Return the nearest bounds outside the data that are round numbers."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    inside = ticks(low, high, most)
    step = inside[1] - inside[0] if len(inside) > 1 else high - low
    bottom = inside[0] if math.isclose(inside[0], low, abs_tol=1e-12) else inside[0] - step
    top = inside[-1] if math.isclose(inside[-1], high, abs_tol=1e-12) else inside[-1] + step
    return bottom, top


def label(value: float, all_ticks: Sequence[float]) -> str:
    """Return a tick with the digits that tell it from its neighbours; thousands as `12k`."""
    if all(each % 1000 == 0 for each in all_ticks) and max(map(abs, all_ticks)) >= 10_000:
        return f"{value / 1000:g}k" if value else "0"
    step = all_ticks[1] - all_ticks[0] if len(all_ticks) > 1 else abs(value) or 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if not math.isclose(step * 10**digits, round(step * 10**digits), abs_tol=1e-6):
        digits += 1
    return f"{value:,.{digits}f}"
