"""`resume=...` of a sweep: its directory and the command line that began it."""

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
# The sweeper turns it into `KEY=VALUE`, which is allowed if the value is plain.
_PARAMETER = re.compile(r"hydra\.sweeper\.params\.([\w.]+)=(['\"]?)([\w., ()+-]*)\2")


def with_sweep_directory(arguments: list[str], command: str) -> list[str]:
    """Add what `resume=...` stands for to the command line of a sweep.

    `resume=SWEEP_DIR` becomes the line that began the sweep and its directory. `resume=auto` of a
    sweep without `hydra.sweep.dir` becomes the newest in `runs/COMMAND/sweeps` that the same line
    began. Any other line stays as it is.

    Raises:
        ConfigError: the sweep is another command's, or its record has settings that only a typed
            line may choose.
        DataError: its record is damaged.
    """
    words = [each.removeprefix("+") for each in arguments]
    values = [each.removeprefix(_RESUME).strip("'\"") for each in words if each.startswith(_RESUME)]
    if not values:
        return arguments
    directory = Path(values[-1]).expanduser()
    if (directory / FILE).is_file():
        sweep = read_sweep(directory)
        if sweep.command != command:
            raise ConfigError(f"resume={directory}: is a sweep of python -m seg.{sweep.command}")
        own = [each for each in arguments if not each.lstrip("+").startswith(_RESUME)]
        line = [each for each in without_location(sweep.line) if each not in own]
        overrides = [
            _PARAMETER.sub(r"\1=\3", each) if _PARAMETER.fullmatch(each) else each
            for each in line
            if _SAFE.fullmatch(each) is None
        ]
        check_recorded(overrides, directory / FILE)
        return ["-m", *line, *own, _AUTO, f"{_DIRECTORY}{directory.resolve()}"]
    of_a_sweep = values[-1] == "auto" and is_multirun(arguments)
    if of_a_sweep and not any(each.startswith(_DIRECTORY) for each in words):
        newest = _newest(command, without_location(arguments))
        return arguments if newest is None else [*arguments, f"{_DIRECTORY}{newest}"]
    return arguments


def without_location(arguments: Sequence[str]) -> list[str]:
    """Return the words of a line without `-m`, the sweep's directory and `resume`."""
    prefixes = (*_NOT_RECORDED, _RESUME, _DIRECTORY)
    return [each for each in arguments if not each.lstrip("+").startswith(prefixes)]


def refuse_other_choices(
    directory: Path, before: Sequence[str], now: Sequence[str], swept: Collection[str]
) -> None:
    """Compare the line of a sweep that goes on with the one that began it.

    Args:
        directory: of the sweep.
        before: words of the line that began it.
        now: words of the present line.
        swept: keys that the search itself compares.

    Raises:
        ConfigError: a choice that all trials share has changed; finished trials do not have it.
    """
    first, second = (_shared(each, swept) for each in (before, now))
    changed = {
        key: pair
        for key in sorted(first.keys() | second.keys())
        if (pair := (first.get(key, "(absent)"), second.get(key, "(absent)")))[0] != pair[1]
    }
    if changed:
        reason = (
            f"a sweep goes on as it began: resume={directory}\n"
            f"one of its trials can become longer: resume={directory}/N trainer.max_epochs=N"
        )
        raise ConfigError(table(changed, str(directory), reason))


def _shared(line: Sequence[str], swept: Collection[str]) -> dict[str, str]:
    """Return key -> value, as typed, of the choices that all trials share."""
    plain = [each.lstrip("+") for each in without_location(line)]
    words = {key: value for key, _, value in (each.partition("=") for each in plain)}
    prefixes = ("hydra.", "hydra/", "-", *FREE)
    return {k: v for k, v in words.items() if k not in swept and not k.startswith(prefixes)}


def _newest(command: str, line: list[str]) -> Path | None:
    """Find the newest sweep that this line began; None without one."""
    paths = Path("runs", command, "sweeps").glob(f"*/{FILE}")
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)[::-1]:
        try:
            if without_location(read_sweep(path.parent).line) == line:
                return path.parent
        except DataError:  # another sweep's; this one may be sound
            continue
    return None


def typed(command: str, *arguments: str) -> str:
    """Return a command quoted for a shell."""
    return shlex.join(["python", "-m", f"seg.{command}", *arguments])
