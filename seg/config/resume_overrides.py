"""Expansion of `resume=...` into the run directory that is meant, and its recorded choices."""

from collections.abc import Iterable
from pathlib import Path

from seg.config.cli_overrides import is_multirun
from seg.config.former_keys import present_choices
from seg.config.recorded_overrides import check_recorded
from seg.errors import ConfigError, DataError
from seg.io.yaml_file import read_yaml

_KEY, _RUN_DIR, _AUTO = "resume", "hydra.run.dir", "auto"
_NOTHING = ("", "null")
_RECORD = Path(".hydra", "overrides.yaml")
_REMEDY = "copy it from a backup, or go on by the whole command: hydra.run.dir=RUN_DIR resume=auto"


def with_run_directory(arguments: list[str], command: str) -> list[str]:
    """Expand `resume=...` in a command line.

    `resume=RUN_DIR` adds the choices that the run began with, before those of the line, and stays
    in that directory. `resume=auto` stays in `hydra.run.dir` where that is typed; else in the
    newest run in `runs/COMMAND` that the same choices started; else it is a new run.

    Raises:
        ConfigError: no run there, or a record of it that cannot be read.
    """
    values = _values_of(arguments, _KEY)
    if not values or values[-1] in _NOTHING:
        return arguments
    sweep = is_multirun(arguments)
    if values[-1] == _AUTO:
        if sweep or _values_of(arguments, _RUN_DIR):
            return arguments
        newest = _newest_of(command, _choices(arguments))
        return arguments if newest is None else [*arguments, f"{_RUN_DIR}={newest}"]
    if sweep:
        raise ConfigError(
            f"resume={values[-1]}: no sweep there (no trials.json); give the directory of a sweep, "
            "or auto"
        )
    run_dir = _run_directory(Path(values[-1].strip("'\"")).expanduser())
    choices = _recorded(run_dir)
    check_recorded(choices, run_dir / _RECORD, arguments)
    alone = ["hydra.mode=RUN"] if is_multirun(choices) else []  # one trial of a sweep
    return [*choices, *arguments, *alone, f"{_RUN_DIR}={run_dir}"]


def _values_of(arguments: Iterable[str], key: str) -> list[str]:
    split = (argument.lstrip("+").partition("=") for argument in arguments)
    return [value for name, equals, value in split if equals and name == key]


def _choices(arguments: Iterable[str]) -> list[str]:
    """Return the overrides that define a run: not its place, its resumption, its study."""
    apart = (f"{_KEY}=", "hydra.", "hydra/", "-", "_trial=")
    return [each for each in arguments if not each.lstrip("+~").startswith(apart)]


def _newest_of(command: str, choices: list[str]) -> Path | None:
    records = sorted(
        Path("runs", command).glob("*/*/config.yaml"),
        key=lambda path: path.stat().st_mtime_ns,
        reverse=True,
    )
    for record in records:
        if sorted(_recorded(record.parent)) == sorted(choices):
            return record.parent
    return None


def _run_directory(path: Path) -> Path:
    """Return the run directory of a path: itself, or the one of a checkpoint."""
    run_dir = path.parent.parent if path.is_file() else path
    if not (run_dir / "config.yaml").is_file():
        raise ConfigError(
            f"resume={path}: no run there (no config.yaml); give the directory of a run, or auto"
        )
    return run_dir


def _recorded(run_dir: Path) -> list[str]:
    """Read the choices of the command line that started a run."""
    record = run_dir / _RECORD
    if not record.exists():
        return []
    try:
        choices = read_yaml(record, "record", remedy=_REMEDY)
    except DataError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(choices, list) or not all(isinstance(each, str) for each in choices):
        raise ConfigError(f"{record}: damaged (a list of KEY=VALUE is expected)\n  {_REMEDY}")
    return _choices(present_choices(choices))
