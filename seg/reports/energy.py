"""Time of a run, and an estimate of energy and cost that names its assumptions."""

from dataclasses import dataclass

from seg.reports.number_format import parse_time
from seg.reports.run_reader import Run, is_number

_SECONDS_AN_HOUR = 3600.0
_ENDS = ("finished", "interrupted", "failed")


@dataclass(frozen=True)
class Tariff:
    """Assumptions where nothing was measured.

    Attributes:
        watts: power of a busy processor core, with its share of memory and power supply, in W.
        gpu_watts: power of a busy graphics card, in W.
        price_per_hour: of the machine; None: not known.
    """

    watts: float = 10.0
    gpu_watts: float = 300.0
    price_per_hour: float | None = None


@dataclass(frozen=True)
class Estimate:
    """Time, energy and cost of a run.

    Attributes:
        seconds: at work, all sessions whose end is known.
        kwh: energy, in kWh.
        basis: how the energy was found.
        cost: in the currency of the price; None without a price.
        unknown_sessions: number of killed sessions, whose end is not known.
    """

    seconds: float
    kwh: float
    basis: str
    cost: float | None
    unknown_sessions: int


def estimate(run: Run, tariff: Tariff) -> Estimate | None:
    """Return time, energy and cost of a run; None if its time is not known."""
    seconds, unknown = _time(run)
    if seconds is None:
        return None
    session = (run.environment.get("sessions") or [{}])[-1]
    cores, cards = session.get("cores"), len(session.get("gpus") or [])
    parts = []
    for key, measured, number, watts, assumed in (
        ("cpu_wh", "processors and memory measured (RAPL, all work on the machine)",
         cores, tariff.watts, f"W a core, {cores} cores all at work"),
        ("gpu_wh", "graphics cards measured (nvidia-smi)",
         cards or None, tariff.gpu_watts, f"W a graphics card, {cards} of them"),
    ):  # fmt: skip
        wh = _measured(run, key)
        if wh is not None:
            parts.append((wh, measured))
        elif is_number(number):
            wh = number * watts * seconds / _SECONDS_AN_HOUR
            parts.append((wh, f"assumed {watts:g} {assumed}"))
    price = tariff.price_per_hour
    return Estimate(
        seconds,
        sum(wh for wh, _ in parts) / 1000,
        "; ".join(basis for _, basis in parts),
        None if price is None else price * seconds / _SECONDS_AN_HOUR,
        unknown,
    )


def _time(run: Run) -> tuple[float | None, int]:
    """Return seconds between starts and ends, and the number of starts without an end."""
    total, unknown, begun_at = 0.0, 0, None
    known = False
    for event in run.environment.get("history") or []:
        at = parse_time(event.get("time"))
        if event.get("event") in _ENDS and at is not None and begun_at is not None:
            total += (at - begun_at).total_seconds()
            known, begun_at = True, None
        elif event.get("event") in ("begun", "resumed"):
            unknown += begun_at is not None
            begun_at = at
    if known:
        return total, unknown + (begun_at is not None)
    parts = [run.metrics.get(key) for key in ("training_s", "evaluation_s")]
    numbers = [part for part in parts if part is not None and is_number(part)]
    return (sum(numbers), unknown) if numbers else (None, unknown)


def _measured(run: Run, key: str) -> float | None:
    """Return the sum over the sessions, if each that ended has a measurement."""
    events = run.environment.get("history") or []
    values = [event.get(key) for event in events if event.get("event") in _ENDS]
    numbers = [float(value) for value in values if value is not None and is_number(value)]
    return sum(numbers) if numbers and len(numbers) == len(values) else None
