"""Time of a run, and an estimate of energy and cost that names its assumptions."""

from dataclasses import dataclass
from typing import Any

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
    parts = (_processors(run, seconds, tariff), _cards(run, seconds, tariff))
    known = [part for part in parts if part is not None]
    price = tariff.price_per_hour
    return Estimate(
        seconds,
        sum(wh for wh, _ in known) / 1000,
        "; ".join(basis for _, basis in known),
        None if price is None else price * seconds / _SECONDS_AN_HOUR,
        unknown,
    )


def _time(run: Run) -> tuple[float | None, int]:
    """Return seconds between starts and ends, and the number of starts without an end."""
    total, unknown, begun_at = 0.0, 0, None
    known = False
    for event in _history(run):
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


def _history(run: Run) -> list[dict[str, Any]]:
    """List the events of a run."""
    return [event for event in run.environment.get("history") or [] if isinstance(event, dict)]


def _processors(run: Run, seconds: float, tariff: Tariff) -> tuple[float, str] | None:
    """Return the energy of the processors in Wh, and how it was found; None if unknown."""
    measured = _measured(run, "cpu_wh")
    if measured is not None:
        return measured, "processors and memory measured (RAPL, all work on the machine)"
    cores = _last_session(run).get("cores")
    if not is_number(cores):
        return None
    wh = cores * tariff.watts * seconds / _SECONDS_AN_HOUR
    return wh, f"assumed {tariff.watts:g} W a core, {cores} cores all at work"


def _cards(run: Run, seconds: float, tariff: Tariff) -> tuple[float, str] | None:
    """Return the energy of the graphics cards in Wh, and how it was found; None without any."""
    measured = _measured(run, "gpu_wh")
    if measured is not None:
        return measured, "graphics cards measured (nvidia-smi)"
    cards = len(_last_session(run).get("gpus") or [])
    if not cards:
        return None
    wh = cards * tariff.gpu_watts * seconds / _SECONDS_AN_HOUR
    return wh, f"assumed {tariff.gpu_watts:g} W a graphics card, {cards} of them"


def _measured(run: Run, key: str) -> float | None:
    """Return the sum over the sessions, if each that ended has a measurement."""
    values = [event.get(key) for event in _history(run) if event.get("event") in _ENDS]
    numbers = [float(value) for value in values if value is not None and is_number(value)]
    return sum(numbers) if numbers and len(numbers) == len(values) else None


def _last_session(run: Run) -> dict[str, Any]:
    """Return the record of the last start."""
    sessions = run.environment.get("sessions") or [{}]
    return sessions[-1] if isinstance(sessions[-1], dict) else {}
