"""What is known of a sweep's runs: `trials.json` in its directory."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict

from seg.config.former_keys import present_choice, present_choices
from seg.errors import DataError
from seg.io.atomic import write_json
from seg.io.json_file import read_json
from seg.io.source import Source, checked

TrialState = Literal["running", "finished", "failed", "pruned"]
FILE = "trials.json"
_REMEDY = "copy it from a backup, or begin the sweep anew; the runs in its directory stay"
_COMMANDS = ("train", "pretrain")
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
        number: from 0 on; its run directory is the folder of that name in the sweep's.
        choices: swept key -> value as the command line gives it (`optimizer.lr` -> `1e-3`).
        state: pruned: ended early because others were ahead of it.
        value: the monitored value of the best weights; of a pruned one the last that was seen.
        seconds: from start to end, all tries together.
        error: of a failed one, in a few lines.
    """

    __pydantic_config__ = _STRICT

    number: int
    choices: Mapping[str, str]
    state: TrialState
    value: float | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Sweep:
    """A sweep as its directory tells it.

    Attributes:
        command: train or pretrain.
        line: the words of the command line that began it, `-m` left out.
        monitor: name of the value that is compared, as in `metrics.json` (`val/miou`).
        maximize: whether more of it is better.
        trials: in the order of their numbers.
    """

    __pydantic_config__ = _STRICT

    command: str
    line: Sequence[str]
    monitor: str
    maximize: bool = True
    trials: Sequence[Trial] = field(default_factory=tuple)

    def ranked(self) -> list[Trial]:
        """The finished ones, the best first; equal values by number."""
        finished = [trial for trial in self.trials if trial.state == "finished"]
        valued = [(trial.value, trial) for trial in finished if trial.value is not None]
        sign = -1 if self.maximize else 1
        return [trial for _, trial in sorted(valued, key=lambda v: (sign * v[0], v[1].number))]

    @property
    def swept(self) -> list[str]:
        """The keys that trials choose, in the order they first appear."""
        return list(dict.fromkeys(key for trial in self.trials for key in trial.choices))


def is_sweep(folder: Path) -> bool:
    """Whether a sweep was begun there."""
    return (folder / FILE).is_file()


def write_sweep(directory: Path, sweep: Sweep) -> None:
    """Write `trials.json`; whoever reads it at the same time sees the old or the new one."""
    write_json(directory / FILE, asdict(sweep))


def read_sweep(directory: Path) -> Sweep:
    """Read what `write_sweep` has written.

    Raises:
        DataError: no sweep there, or a damaged file.
    """
    path = directory / FILE
    if not path.is_file():
        raise DataError(f"{directory}: no sweep there (no {FILE})")
    source = Source(path, "record of a sweep", _REMEDY)
    content = read_json(path, source.kind, remedy=source.remedy)
    if not isinstance(content, dict) or "trials" not in content:
        raise source.damaged("damaged (no trials)")
    sweep = checked(Sweep, content, source)
    if sweep.command not in _COMMANDS:
        raise source.damaged(f"damaged (command: allowed: {', '.join(_COMMANDS)})")
    numbers = [trial.number for trial in sweep.trials]
    if len(set(numbers)) != len(numbers) or min(numbers, default=0) < 0:
        raise source.damaged("damaged (numbers of trials repeat or are negative)")
    trials = tuple(replace(each, choices=_present(each.choices)) for each in sweep.trials)
    return replace(sweep, line=present_choices(sweep.line), trials=trials)


def _present(choices: Mapping[str, str]) -> dict[str, str]:
    pairs = (present_choice(f"{key}={value}") for key, value in choices.items())
    return dict(pair.split("=", 1) for pair in pairs)
