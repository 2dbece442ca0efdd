"""Where a command keeps its record when the current directory cannot be written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seg.config.cli_overrides import is_multirun
from seg.errors import ConfigError
from seg.io.atomic import scratch_directory

_RUNS = Path("runs")
_PLACES = ("hydra.run.dir=", "hydra.sweep.dir=", "resume=")
_RESULTS_IN_RUN = ("task=verify", "task=stats", "task=preview")
_KEEPS_NO_RESULTS = ("predict", "prepare")  # in its run directory, where `output` is given


@contextmanager
def writable_run_directory(arguments: list[str], command: str) -> Iterator[list[str]]:
    """Give a command line a run directory that can be made.

    By default it lies below `runs` in the current directory. Where that cannot be written, a
    command that puts its results into `output` gets a temporary one; tasks of `prepare` that put
    them into the run directory get `output` as that.

    Args:
        arguments: of the command line, with all keys spelled out.
        command: its name.

    Yields:
        the arguments, or more of them.

    Raises:
        ConfigError: the results would have no place.
    """
    plain = [argument.lstrip("+") for argument in arguments]
    placed = any(each.startswith(_PLACES) for each in plain) or is_multirun(arguments)
    if placed or not _answers(plain) or _is_writable(_RUNS / command):
        yield arguments
        return
    output = next((each for each in reversed(plain) if each.startswith("output=")), "output=null")
    if command not in _KEEPS_NO_RESULTS or output in ("output=null", "output="):
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
    with scratch_directory() as folder:
        yield [*arguments, f"hydra.run.dir={folder}"]


def _answers(plain: list[str]) -> bool:
    """Whether the command runs, and does not only show its configuration."""
    shown = {"--help", "-h", "--hydra-help", "--info", "-i", "--cfg", "-c", "--version"}
    return not shown & {each.partition("=")[0] for each in plain}


def _is_writable(path: Path) -> bool:
    """Whether a directory is there and can be written, or can be made."""
    there = next(each for each in (path, *path.parents) if each.exists())
    as_used = os.access in os.supports_effective_ids
    return os.access(there, os.W_OK | os.X_OK, effective_ids=as_used)
