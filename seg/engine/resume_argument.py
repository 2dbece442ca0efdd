"""Meaning of `resume=...`: the run or sweep that goes on, its command line and its length.

What the run then goes on from is found by `seg.engine.resume`.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from seg.config.budget import LENGTH, VALIDATIONS, with_budget
from seg.config.cli_overrides import is_multirun
from seg.config.former_keys import with_present_keys
from seg.config.recorded_overrides import RECORD, check_recorded, read_recorded
from seg.errors import ConfigError, DataError
from seg.io.run_record import CONFIG
from seg.io.terminal import say
from seg.io.yaml_file import read_yaml
from seg.sweeps.trials import FILE, is_sweep, read_sweep, without_location

_RESUME, _AUTO = "resume", "auto"
_RUN_DIR, _SWEEP_DIR = "hydra.run.dir", "hydra.sweep.dir"
_REMEDY = "copy it from a backup, or go on by the whole command: hydra.run.dir=RUN_DIR resume=auto"
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
_LENGTH_KEYS = (*LENGTH, *VALIDATIONS)
_RECIPES = ("trainer", "experiment", "pretraining", "dataset", "classification_dataset")


def expand_resume(arguments: list[str], command: str) -> list[str]:
    """Add what `resume=...` stands for to a command line; any other line stays as it is.

    `resume=RUN_DIR` adds the choices that the run began with, before those of the line, and stays
    in that directory; `resume=SWEEP_DIR` adds the line that began the sweep. `resume=auto` stays in
    `hydra.run.dir` (of a sweep `hydra.sweep.dir`) where that is typed; else in the newest run or
    sweep in `runs/COMMAND` that the same line began; else it begins anew.

    Raises:
        ConfigError: there is no such run or sweep, its record cannot be read, or has settings that
            only a typed line may choose.
        DataError: the record of the sweep is damaged.
    """
    value = _last_values(arguments).get(_RESUME, "").strip("'\"")
    if value in ("", "null"):
        return arguments
    sweeps = is_multirun(arguments)
    if value == _AUTO:
        place = _SWEEP_DIR if sweeps else _RUN_DIR
        if place in _last_values(arguments):
            return arguments
        newest = _newest_sweep(command, arguments) if sweeps else _newest_run(command, arguments)
        return arguments if newest is None else [*arguments, f"{place}={newest}"]
    path = Path(value).expanduser()
    if is_sweep(path):
        return _line_of_sweep(path, arguments, command)
    if sweeps:
        raise ConfigError(
            f"resume={value}: no sweep there (no {FILE}); give the directory of a sweep, or auto"
        )
    return _line_of_run(path, arguments)


def with_recorded_length(
    plain: dict[str, Any], run_dir: Path, overrides: Iterable[str]
) -> dict[str, Any]:
    """Put the length and the distance of validations that a resumed run records for the defaults.

    A key that was chosen anew since the run began stays. A new length in epochs takes the
    place of one in steps, and the other way round.

    Args:
        plain: the configuration as it is composed now, without `auto`; one without `resume` stays.
        run_dir: of the run that goes on; one without a readable record changes nothing.
        overrides: the choices now, those that the run records among them.
    """
    if plain.get(_RESUME) is None:
        return plain
    try:
        settled = with_budget(with_present_keys(read_yaml(run_dir / CONFIG, "record")))
    except DataError:  # named where the run is opened
        return plain
    recorded = settled.get("trainer") if isinstance(settled, Mapping) else None
    try:
        before = _last_values(_recorded_choices(run_dir))
    except ConfigError:
        before = {}
    now = _last_values(overrides)
    same_recipe = all(before.get(key) == now.get(key) for key in _RECIPES)
    typed = {key: f"trainer.{key}" for key in _LENGTH_KEYS}
    dropped = any(key in before and key not in now for key in typed.values())
    if not isinstance(recorded, Mapping) or not recorded or not same_recipe or dropped:
        return plain
    new = {key for key in _LENGTH_KEYS if before.get(typed[key]) != now.get(typed[key])}
    trainer = dict(plain["trainer"])
    trainer |= {key: recorded[key] for key in _LENGTH_KEYS if key in recorded and key not in new}
    for key, other in (LENGTH, LENGTH[::-1]):
        if key in new and other not in new and recorded.get(key) in (-1, None):
            trainer[other] = -1
    return {**plain, "trainer": trainer}


def _last_values(arguments: Iterable[str]) -> dict[str, str]:
    """Return the last value of each key of a command line."""
    pairs = (each.lstrip("+").partition("=") for each in arguments)
    return {key: value for key, equals, value in pairs if equals}


def _choices(arguments: Iterable[str]) -> list[str]:
    """Return the overrides that define a run: not its place, its resumption, its study."""
    apart = (f"{_RESUME}=", "hydra.", "hydra/", "-", "_trial=")
    return [each for each in arguments if not each.lstrip("+~").startswith(apart)]


def _recorded_choices(run_dir: Path) -> list[str]:
    """Read the choices of the command line that started a run; none where it has no record."""
    try:
        return _choices(read_recorded(run_dir, remedy=_REMEDY))
    except DataError as error:
        if error.fault == "missing":
            return []
        raise ConfigError(str(error)) from None


def _line_of_run(path: Path, arguments: list[str]) -> list[str]:
    """Return the line that goes on with the run in a directory, or that of a checkpoint."""
    run_dir = path.parent.parent if path.is_file() else path
    if not (run_dir / CONFIG).is_file():
        raise ConfigError(
            f"resume={path}: no run there (no {CONFIG}); give the directory of a run, or auto"
        )
    choices = _recorded_choices(run_dir)
    check_recorded(choices, run_dir / RECORD, arguments)
    alone = ["hydra.mode=RUN"] if is_multirun(choices) else []  # one trial of a sweep
    return [*choices, *arguments, *alone, f"{_RUN_DIR}={run_dir}"]


def _line_of_sweep(directory: Path, arguments: list[str], command: str) -> list[str]:
    """Return the line that goes on with the sweep in a directory."""
    sweep = read_sweep(directory)
    if sweep.command != command:
        raise ConfigError(f"resume={directory}: is a sweep of python -m seg.{sweep.command}")
    own = [each for each in arguments if not each.lstrip("+").startswith(f"{_RESUME}=")]
    line = [each for each in without_location(sweep.line) if each not in own]
    overrides = [
        _PARAMETER.sub(r"\1=\3", each) if _PARAMETER.fullmatch(each) else each
        for each in line
        if _SAFE.fullmatch(each) is None
    ]
    check_recorded(overrides, directory / FILE)
    return ["-m", *line, *own, f"{_RESUME}={_AUTO}", f"{_SWEEP_DIR}={directory.resolve()}"]


def _newest_run(command: str, arguments: list[str]) -> Path | None:
    choices = sorted(_choices(arguments))
    return _newest(
        Path("runs", command).glob(f"*/*/{CONFIG}"),
        lambda run_dir: sorted(_recorded_choices(run_dir)) == choices,
    )


def _newest_sweep(command: str, arguments: list[str]) -> Path | None:
    line = without_location(arguments)
    return _newest(
        Path("runs", command, "sweeps").glob(f"*/{FILE}"),
        lambda directory: without_location(read_sweep(directory).line) == line,
    )


def _newest(records: Iterable[Path], is_same: Callable[[Path], bool]) -> Path | None:
    """Return the directory of the newest record that the same line began; None without one.

    Those that cannot be read are passed over with a warning, unless no other one fits: then one of
    them may be meant.

    Raises:
        ConfigError: no other one fits; it names the newest that cannot be read.
    """
    unreadable: list[ConfigError | DataError] = []
    for record in sorted(records, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            if is_same(record.parent):
                for error in unreadable:
                    say(f"warning: resume=auto passes over {error}", file=sys.stderr)
                return record.parent
        except (ConfigError, DataError) as error:
            unreadable.append(error)
    if unreadable:
        raise ConfigError(f"resume=auto: {unreadable[0]}\n  to begin anew: leave resume=auto out")
    return None
