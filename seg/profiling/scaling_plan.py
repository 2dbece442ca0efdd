"""Scaling plan for many devices, from measurements on one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from seg.errors import ConfigError, DataError
from seg.io.json_file import read_json_object

_HOUR_S = 3600


_Positive = Annotated[float, Field(gt=1e-12, lt=1e12)]
_Seconds = dict[str, Annotated[list[_Positive], Field(min_length=1)]]
_SECONDS: TypeAdapter[_Seconds] = TypeAdapter(_Seconds)


class _Job(BaseModel):
    batch: Annotated[int, Field(gt=0, lt=10**9)]
    device: str


class _Training(BaseModel):
    """Keys of `benchmark.json` that a plan needs; others may be there."""

    seconds: _Seconds
    peak_mib: dict[str, Annotated[float, Field(gt=-1e12, lt=1e12)]]
    job: _Job


@dataclass(frozen=True)
class Measured:
    """Measurements of one device and of one reading process, from `benchmark.json` files.

    Attributes:
        way: the row of the training benchmark that is meant.
        batch: images a step.
        images_per_s: rate of training.
        peak_mib: memory of a step.
        device: kind of device.
        read_per_s: way of reading -> samples a second of one process; empty: not measured.
    """

    way: str
    batch: int
    images_per_s: float
    peak_mib: float
    device: str
    read_per_s: Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """Needs and rate of so many devices.

    Attributes:
        devices: how many.
        batch: images a step, on all of them.
        lr: by the linear scaling rule (Goyal et al., "Accurate, Large Minibatch SGD", 2017,
            section 2.1), which needs a warm-up of some epochs.
        images_per_s: in all, at the assumed efficiency.
        steps: of the optimizer.
        hours: for all samples.
        peak_mib: of each device.
        readers: way of reading -> processes for each device.
    """

    devices: int
    batch: int
    lr: float
    images_per_s: float
    steps: int
    hours: float
    peak_mib: float
    readers: Mapping[str, int]


def plan(
    measured: Measured,
    *,
    samples: int,
    base_lr: float,
    base_batch: int,
    devices: int,
    efficiency: float,
) -> Plan:
    """Scale one device's numbers.

    Args:
        measured: on one device.
        samples: images seen in the whole training.
        base_lr: learning rate of the recipe that is to be trained.
        base_batch: images a step that the recipe is meant for.
        devices: number of devices.
        efficiency: rate of all devices over that multiple of one device's rate; an assumption.
    """
    batch = devices * measured.batch
    rate = devices * measured.images_per_s * efficiency
    return Plan(
        devices=devices,
        batch=batch,
        lr=base_lr * batch / base_batch,
        images_per_s=rate,
        steps=math.ceil(samples / batch),
        hours=samples / rate / _HOUR_S,
        peak_mib=measured.peak_mib,
        readers={
            way: math.ceil(rate / devices / read) for way, read in measured.read_per_s.items()
        },
    )


def read_measured(
    training: Path, data: Path | None, *, way: str | None, case: str | None
) -> Measured:
    """Read the `benchmark.json` of `seg.benchmark training`, and of `seg.benchmark data`.

    Args:
        training: of one device.
        data: of one reading process (`num_workers=0`); None: reading is not planned.
        way: a row of training; None: the quickest of ours.
        case: of data; None: the first.

    Raises:
        DataError: a file is missing, damaged, or of another benchmark.
        ConfigError: no such way or case.
    """
    try:
        content = _Training.model_validate(_content(training), strict=True)
    except ValidationError:
        raise DataError(f"{training}: not of python -m seg.benchmark training") from None
    seconds = {name: median(each) for name, each in content.seconds.items()}
    ours = {name: each for name, each in seconds.items() if name.startswith("seg")}
    peaks, batch, device = content.peak_mib, content.job.batch, content.job.device
    if not ours or not seconds.keys() <= peaks.keys():
        raise DataError(f"{training}: not of python -m seg.benchmark training")
    chosen = way or min(ours, key=lambda name: ours[name])
    if chosen not in seconds:
        raise ConfigError(f"variant={way}: not in {training}; allowed: {', '.join(seconds)}")
    rates = {} if data is None else _read_rates(data, case)
    return Measured(chosen, batch, batch / seconds[chosen], peaks[chosen], device, rates)


def _read_rates(path: Path, case: str | None) -> dict[str, float]:
    cases = _content(path)
    if "seconds" in cases:  # of another task
        raise DataError(f"{path}: not of python -m seg.benchmark data")
    chosen = case or next(iter(cases), "")
    if chosen not in cases:
        raise ConfigError(f"table={case}: not in {path}; allowed: {', '.join(cases)}")
    try:
        seconds = _SECONDS.validate_python(cases[chosen], strict=True)
    except ValidationError:
        raise DataError(f"{path}: not of python -m seg.benchmark data") from None
    return {name: 1 / median(each) for name, each in seconds.items() if name.startswith("seg")}


def _content(path: Path) -> dict[str, Any]:
    file = path / "benchmark.json" if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"{file}: no such file; python -m seg.benchmark makes it")
    return read_json_object(file, "benchmark", remedy="measure again: python -m seg.benchmark")


def scale_table(measured: Measured, planned: Plan) -> str:
    """Format a Markdown table: one device as measured, many as planned."""
    rows = [
        ("images a step", f"{measured.batch}", f"{planned.batch}"),
        (
            "images/s trained, and to be read",
            f"{measured.images_per_s:.1f}",
            f"{planned.images_per_s:.1f}",
        ),
        ("memory of each, MiB", f"{measured.peak_mib:.0f}", f"{planned.peak_mib:.0f}"),
        ("learning rate", "", f"{planned.lr:.4g}"),
        ("optimizer steps", "", f"{planned.steps}"),
        ("hours", "", f"{planned.hours:.2f}"),
    ]
    rows += [
        (f"reading processes for each: {way}", f"{measured.read_per_s[way]:.1f} samples/s", f"{n}")
        for way, n in planned.readers.items()
    ]
    heads = f"| {measured.way} | one {measured.device}, measured | {planned.devices}, planned |"
    return "\n".join([heads, "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])
