"""Run directory of a command when the current directory cannot be written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seg.config.cli_overrides import is_multirun
from seg.errors import ConfigError
from seg.io.atomic import scratch_directory

_RUNS = Path("runs")
_PLACES = ("hydra.run.dir=", "hydra.sweep.dir=")
_RESULTS_IN_RUN = ("task=verify", "task=stats", "task=preview")
_WITH_OUTPUT = ("predict", "prepare")  # their results lie in `output` where that is typed
_PRINTING = {"--help", "-h", "--hydra-help", "--info", "-i", "--cfg", "-c", "--version"}


@contextmanager
def writable_run_directory(arguments: list[str], command: str) -> Iterator[list[str]]:
    """Add a run directory that can be made to a command line.

    By default it lies below `runs` in the current directory. Where that cannot be written, a
    command that puts its results into `output` gets a temporary one; tasks of `prepare` that put
    them into the run directory get `output` as that.

    Yields:
        the arguments, or more of them.

    Raises:
        ConfigError: the results would have no place.
    """
    plain = [argument.lstrip("+") for argument in arguments]
    placed = any(each.startswith(_PLACES) for each in plain) or is_multirun(arguments)
    only_prints = _PRINTING & {each.partition("=")[0] for each in plain}
    if placed or only_prints or _is_writable(_RUNS / command):
        yield arguments
        return
    output = next((each for each in reversed(plain) if each.startswith("output=")), "output=null")
    if command not in _WITH_OUTPUT or output in ("output=null", "output="):
        raise ConfigError(
            f"{_RUNS / command}: cannot be made, the current directory {Path.cwd()} cannot be "
            "written\n  give hydra.run.dir=DIRECTORY, or call it from another directory"
        )
    inside = command == "prepare" and not any(
        each.startswith("task=") and each not in _RESULTS_IN_RUN for each in plain
    )
    if inside:
        yield [*arguments, f"hydra.run.dir={output.removeprefix('output=')}"]
        return
    with scratch_directory() as directory:
        yield [*arguments, f"hydra.run.dir={directory}"]


def _is_writable(path: Path) -> bool:
    """Return whether a directory can be written, or can be made."""
    there = next(each for each in (path, *path.parents) if each.exists())
    as_used = os.access in os.supports_effective_ids
    return os.access(there, os.W_OK | os.X_OK, effective_ids=as_used)
