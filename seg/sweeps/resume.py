"""`resume=...` of a sweep -> its directory, and the command line that began it."""

import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from seg.config.changes import FREE, table
from seg.config.cli_overrides import is_multirun
from seg.config.recorded_overrides import check_recorded
from seg.errors import ConfigError, DataError
from seg.sweeps.trials import FILE, read_sweep

_RESUME, _AUTO, _DIRECTORY = "resume=", "resume=auto", "hydra.sweep.dir="
_NOT_RECORDED = ("-m", "--multirun")
# Of Hydra's own settings those that a record may bring; others could name commands to run.
_SWEEPER_KEYS = "max_failures|at_once|retry_failed|sampler|n_trials|seed|startup_trials|pruner"
_LAUNCHER_KEYS = "n_jobs|timeout_min|cpus_per_task|gpus_per_node|mem_gb|partition|qos|account"
_SAFE = re.compile(
    rf"\+?hydra/(sweeper|launcher)=\w+|hydra\.sweeper\.({_SWEEPER_KEYS})\w*=\w+"
    rf"|hydra\.launcher\.({_LAUNCHER_KEYS}|array_parallelism)=[\w.-]+"
    r"|hydra\.mode=MULTIRUN"
)
# What the sweeper makes of it is `KEY=VALUE`: as free as that, where the value cannot hide more.
_PARAMETER = re.compile(r"hydra\.sweeper\.params\.([\w.]+)=(['\"]?)([\w., ()+-]*)\2")


def with_sweep_directory(arguments: list[str], command: str) -> list[str]:
    """Add what `resume=...` stands for to the command line of a sweep.

    `resume=SWEEP_DIR` becomes the line that began the sweep and its directory. `resume=auto` of a
    sweep without `hydra.sweep.dir` becomes the newest in `runs/COMMAND/sweeps` that the same line
    began. Any other line stays as it is.

    Raises:
        ConfigError: the sweep is another command's, or records what a record may not choose.
        DataError: its record is damaged.
    """
    given = [each.removeprefix("+") for each in arguments]
    values = [each.removeprefix(_RESUME).strip("'\"") for each in given if each.startswith(_RESUME)]
    if not values:
        return arguments
    directory = Path(values[-1]).expanduser()
    if (directory / FILE).is_file():
        sweep = read_sweep(directory)
        if sweep.command != command:
            raise ConfigError(f"resume={directory}: is a sweep of python -m seg.{sweep.command}")
        own = [each for each in arguments if not each.lstrip("+").startswith(_RESUME)]
        line = [each for each in recorded(sweep.line) if each not in own]
        further = [
            _PARAMETER.sub(r"\1=\3", each) if _PARAMETER.fullmatch(each) else each
            for each in line
            if _SAFE.fullmatch(each) is None
        ]
        check_recorded(further, directory / FILE)
        return ["-m", *line, *own, _AUTO, f"{_DIRECTORY}{directory.resolve()}"]
    of_a_sweep = values[-1] == "auto" and is_multirun(arguments)
    if of_a_sweep and not any(each.startswith(_DIRECTORY) for each in given):
        found = _newest(command, recorded(arguments))
        return arguments if found is None else [*arguments, f"{_DIRECTORY}{found}"]
    return arguments


def recorded(arguments: Sequence[str]) -> list[str]:
    """What of a command line makes a sweep: neither where it lies nor whether it goes on."""
    apart = (*_NOT_RECORDED, _RESUME, _DIRECTORY)
    return [each for each in arguments if not each.lstrip("+").startswith(apart)]


def refuse_other_choices(
    directory: Path, before: Sequence[str], now: Sequence[str], swept: Collection[str]
) -> None:
    """Hold the line of a sweep that goes on against the one that began it.

    Args:
        directory: of the sweep.
        before, now: words of the lines.
        swept: keys that the search itself compares.

    Raises:
        ConfigError: another choice that all trials share; those that ended would not know of it.
    """
    known, given = (_shared(each, swept) for each in (before, now))
    changed = {
        key: pair
        for key in sorted(known.keys() | given.keys())
        if (pair := (known.get(key, "(absent)"), given.get(key, "(absent)")))[0] != pair[1]
    }
    if changed:
        reason = (
            f"a sweep goes on as it began: resume={directory}\n"
            f"one of its trials can become longer: resume={directory}/N trainer.max_epochs=N"
        )
        raise ConfigError(table(changed, str(directory), reason))


def _shared(line: Sequence[str], swept: Collection[str]) -> dict[str, str]:
    """Key -> value, as typed, of what all trials of a sweep are told and which matters to them."""
    plain = [each.lstrip("+") for each in recorded(line)]
    words = {key: value for key, _, value in (each.partition("=") for each in plain)}
    apart = ("hydra.", "hydra/", "-", *FREE)
    return {k: v for k, v in words.items() if k not in swept and not k.startswith(apart)}


def _newest(command: str, line: list[str]) -> Path | None:
    def changed(path: Path) -> int:
        return path.stat().st_mtime_ns

    for path in sorted(Path("runs", command, "sweeps").glob(f"*/{FILE}"), key=changed)[::-1]:
        try:
            if recorded(read_sweep(path.parent).line) == line:
                return path.parent
        except DataError:  # another sweep's; this one may be sound
            continue
    return None


def typed(command: str, *arguments: str) -> str:
    """A command as a shell takes it."""
    return shlex.join(["python", "-m", f"seg.{command}", *arguments])
