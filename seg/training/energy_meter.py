"""Energy that a run uses, where the machine can measure it: processors and graphics cards."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from time import monotonic

_POWERCAP = Path("/sys/class/powercap")
_COUNTED_BESIDE = "dram"  # memory is not in the counter of its package
_ANSWER_S = 5.0
_JOULES_A_WH = 3600.0
Counters = dict[Path, tuple[int, int]]


class PowerMeter:
    """Energy between entering and leaving a context.

    Processors: the RAPL counters of Linux, of whole packages, other processes included. Graphics
    cards: the power that `nvidia-smi` reports at intervals.

    Args:
        cards: as `nvidia-smi -i` takes them, such as `GPU-<uuid>`.
        every_s: between two readings; below the ten minutes in which a counter may wrap around.
        powercap: directory of the kernel's counters.

    Attributes:
        cpu_wh, gpu_wh: watt hours so far; None where the machine cannot measure them.
    """

    def __init__(
        self, cards: Sequence[str] = (), *, every_s: float = 30.0, powercap: Path = _POWERCAP
    ) -> None:
        self.cpu_wh: float | None = None
        self.gpu_wh: float | None = None
        self._cards = cards
        self._every_s = every_s
        self._powercap = powercap
        self._ended = Event()
        self._thread = Thread(target=self._watch, name="power", daemon=True)
        self._counters: Counters = {}
        self._watts: float | None = None
        self._read_at = 0.0

    def __enter__(self) -> "PowerMeter":
        self._counters = _counters(self._powercap)
        self._watts = _card_watts(self._cards)
        self._read_at = monotonic()
        if self._counters or self._watts is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * _ANSWER_S)
            self._read()

    def _watch(self) -> None:
        while not self._ended.wait(self._every_s):
            self._read()

    def _read(self) -> None:
        now = monotonic()
        counters = _counters(self._powercap)
        if self._counters and counters:
            joules = sum(
                _step(self._counters[path], reading)
                for path, reading in counters.items()
                if path in self._counters
            )
            self.cpu_wh = (self.cpu_wh or 0.0) + joules / _JOULES_A_WH
        watts = _card_watts(self._cards)
        if watts is not None and self._watts is not None:
            joules = (watts + self._watts) / 2 * (now - self._read_at)
            self.gpu_wh = (self.gpu_wh or 0.0) + joules / _JOULES_A_WH
        self._counters |= counters  # a counter that cannot be read now keeps its last reading
        self._watts, self._read_at = watts, now


def _step(before: tuple[int, int], now: tuple[int, int]) -> float:
    """Return the joules between two readings of a counter of microjoules that wraps around."""
    microjoules = now[0] - before[0]
    return (microjoules + now[1] if microjoules < 0 else microjoules) / 1e6


def _counters(directory: Path) -> Counters:
    """Read microjoules and the counter's end of every package and its memory, where readable."""
    counters: Counters = {}
    for zone in sorted(directory.glob("*-rapl:*")):
        try:
            if zone.name.count(":") == 1 or (zone / "name").read_text().strip() == _COUNTED_BESIDE:
                now = int((zone / "energy_uj").read_text())
                counters[zone] = (now, int((zone / "max_energy_range_uj").read_text()))
        except (OSError, ValueError):  # the counters are often readable by root alone
            continue
    return counters


def _card_watts(cards: Sequence[str]) -> float | None:
    command = shutil.which("nvidia-smi")
    if not cards or command is None:
        return None
    query = [command, "-i", ",".join(cards), "--query-gpu=power.draw"]
    try:
        answer = subprocess.run(
            [*query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=True,
            env=os.environ | {"LC_ALL": "C"},
        )
        return sum(float(line) for line in answer.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
