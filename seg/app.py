"""Decorator of commands, `@app("train", TrainConfig)`: Hydra, errors and run directories."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seg.config.budget import with_budget
from seg.config.cli_overrides import open_mappings, quote_paths, spell_out
from seg.config.composition import search_in_plugins
from seg.config.conf_dir import conf_dir
from seg.config.error_messages import check_flags, check_options, explain
from seg.config.help import asks_for_help, help_text
from seg.config.run_location import writable_run_directory
from seg.config.schema import FitConfig, foreign_sections, validate
from seg.config.section import Section
from seg.cpu import disable_malloc_trim, limit_openmp_spin
from seg.data.readers.dataset_root import cache_directory
from seg.engine.distributed.rendezvous import is_follower
from seg.engine.resume_argument import expand_resume, with_recorded_length
from seg.errors import ConfigError, exit_code_of, user_message
from seg.interruption import INTERRUPTED, is_interrupted, watch_for_interrupts
from seg.io.atomic import scratch_directory
from seg.io.lock import LOCK, locked
from seg.io.run_record import (
    CONFIG,
    HYDRA,
    accept,
    is_finished,
    mark_finished,
    propose,
    removed_if_refused,
    withdraw,
)
from seg.io.terminal import say
from seg.sweeps.parent_process import add_plugins, exit_with_parent
from seg.sweeps.run_trial import FAILURE, run_trial
from seg.sweeps.trials import STATUS_FILE
from seg.usage_reports import switch_off_usage_reports

C = TypeVar("C", bound=Section)
Command = Callable[[C, Path], Any]
# Files of a run that has no checkpoint yet.
_FIRST_FILES = ("metrics.csv", "tensorboard", "environment.json", "learning", STATUS_FILE, FAILURE)
_SHOW_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR") == "1"


def app(
    name: str,
    schema: type[C],
    *,
    has_run_dir: bool = True,
    positional: str | None = None,
    implied: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Command[C]], Callable[[], None]]:
    """Make a command of a function `(config, run_dir) -> value for the sweeper`.

    The command composes `conf/{name}.yaml`, validates it by `schema` and writes the resolved
    `config.yaml` into the run directory. An error that a user can mend ends in a few lines: exit
    code 2 for the configuration, 3 for data. `HYDRA_FULL_ERROR=1` shows the traceback instead.

    Args:
        name: of the command and of its configuration.
        schema: of the configuration.
        has_run_dir: False for a command that answers on the terminal; no `config.yaml` then.
        positional: key of a first argument without `=`, as in `seg.weights list`.
        implied: for a value of that key the choice that comes with it, unless it is typed.
    """

    def decorate(command: Command[C]) -> Callable[[], None]:
        started_s = 0.0

        def job(composed: DictConfig) -> Any:
            run_dir = Path(HydraConfig.get().runtime.output_dir)
            if _is_trial():  # it fails by an exception: an exit would end the sweep
                with exit_with_parent():
                    return run_trial(
                        run_dir,
                        lambda: _run(command, schema, composed, has_run_dir=has_run_dir),
                        max_failures=HydraConfig.get().sweeper.max_failures,
                    )
            cleanup = (
                removed_if_refused(run_dir, since_s=started_s) if has_run_dir else nullcontext()
            )
            with _user_errors(name), cleanup:
                return _run(command, schema, composed, has_run_dir=has_run_dir)

        def main() -> None:
            nonlocal started_s
            started_s = time.time()
            _set_up_process()
            with _user_errors(name):
                add_plugins()
                search_in_plugins()
                if asks_for_help(sys.argv[1:]):
                    say(help_text(name, quote_paths(sys.argv[1:])))
                    return
                typed = spell_out(positional, sys.argv[1:], implied)
                with _hydra_arguments(name, typed, has_run_dir=has_run_dir) as arguments:
                    sys.argv[1:] = arguments
                    run = hydra.main(
                        version_base="1.3", config_path=str(conf_dir()), config_name=name
                    )
                    run(job)()

        return main

    return decorate


def _set_up_process() -> None:
    """Set signals, memory, threads and environment before libraries are imported."""
    watch_for_interrupts()
    disable_malloc_trim()
    limit_openmp_spin()
    switch_off_usage_reports()
    # matplotlib, which a library imports where it is installed, writes a list of fonts
    os.environ.setdefault("MPLCONFIGDIR", str(cache_directory() / "matplotlib"))
    logging.raiseExceptions = False  # the reader of a pipe, such as `head`, may have gone
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra raises, and prints nothing itself


@contextmanager
def _hydra_arguments(name: str, typed: list[str], *, has_run_dir: bool) -> Iterator[list[str]]:
    """Yield what was typed as Hydra takes it: `resume` expanded, paths quoted."""
    check_flags(sys.argv[1:], name)
    check_options(sys.argv[1:], name)
    line = expand_resume(typed, name)
    with writable_run_directory(line, name) if has_run_dir else nullcontext(line) as line:
        yield open_mappings(quote_paths(line))


def _is_trial() -> bool:
    """Return whether one of our sweepers has launched this job."""
    hydra_config = HydraConfig.get()
    ours = str(hydra_config.sweeper._target_).startswith("hydra_plugins.seg_sweeper.")
    return ours and hydra_config.mode == RunMode.MULTIRUN


@contextmanager
def _user_errors(name: str) -> Iterator[None]:
    """Turn what a user can mend into a few lines and an exit code."""
    try:
        yield
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if is_interrupted():
            sys.exit(INTERRUPTED)
        if isinstance(error, HydraException | OmegaConfBaseException):  # some are OSErrors too
            arguments = [each for each in sys.argv[1:] if "=" in each and not each.startswith("-")]
            message: str | None = explain(error, name, arguments)
        else:
            message = user_message(error)
        if _SHOW_TRACEBACK or message is None:
            raise
        say(f"error: {message}", file=sys.stderr)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run(command: Command[C], schema: type[C], composed: DictConfig, *, has_run_dir: bool) -> Any:
    context = HydraConfig.get()
    run_dir = Path(context.runtime.output_dir)
    plain: dict[str, Any] = OmegaConf.to_container(  # type: ignore[assignment]
        composed, resolve=True, throw_on_missing=True
    )
    _reject_unused_groups(schema, list(context.overrides.task))
    own = {key: value for key, value in plain.items() if key not in foreign_sections(schema)}
    own = with_recorded_length(with_budget(own), run_dir, context.overrides.task)
    config = validate(schema, own)
    if not has_run_dir:
        return command(config, run_dir)
    if isinstance(config, FitConfig) and is_follower(config.trainer):
        if config.resume is not None:
            return command(config, run_dir)  # all machines read what the first one has written
        with scratch_directory() as directory:
            return command(config, directory)  # the run directory is the first machine's
    files = _record_files(composed, own)
    with _locked_run_dir(run_dir, config, files, log_name=f"{context.job.name}.log"):
        value = command(config, run_dir)
        if not (isinstance(config, FitConfig) and config.dry_run):
            mark_finished(run_dir, context.job.name, value)
        return value


def _record_files(composed: DictConfig, resolved: dict[str, Any]) -> dict[str, str]:
    """Return the files that record a run's choices, by name; `.hydra/` is as Hydra has it."""
    context: Any = HydraConfig.instance().cfg
    contents: dict[str, Any] = {
        f"{HYDRA}/config.yaml": composed,
        f"{HYDRA}/hydra.yaml": context,
        f"{HYDRA}/overrides.yaml": context.hydra.overrides.task,
        CONFIG: OmegaConf.create(resolved),
    }
    return {name: OmegaConf.to_yaml(content) for name, content in contents.items()}


@contextmanager
def _locked_run_dir(
    run_dir: Path, config: Section, files: dict[str, str], *, log_name: str
) -> Iterator[None]:
    """Lock the run directory and write its `config.yaml`; remove that if nothing else is written.

    A run that is there stays as it is until it accepts this start.
    """
    record = run_dir / CONFIG
    before = {path.name for path in run_dir.iterdir()}
    with locked(run_dir, "hydra.run.dir"):
        begun = record.read_bytes() if record.exists() else b""
        resumes = isinstance(config, FitConfig) and config.resume is not None
        if begun and not resumes:
            _refuse_other_runs(run_dir, config, same=begun == files[CONFIG].encode())
        try:
            propose(run_dir, files)
            if not (begun and resumes):
                accept(run_dir)
            yield
        finally:
            withdraw(run_dir)
            new = {path.name for path in run_dir.iterdir()} - before
            if not begun and new <= {CONFIG, HYDRA, LOCK, log_name, *_FIRST_FILES}:
                record.unlink(missing_ok=True)


def _refuse_other_runs(run_dir: Path, config: Section, *, same: bool) -> None:
    """Refuse a directory with a run, unless a killed command does its work again.

    Commands that have `resume` go on by that instead.
    """
    fits = isinstance(config, FitConfig)
    if same and not fits and not is_finished(run_dir):
        return
    resume = ", or go on with it by resume=auto" if fits else ""
    raise ConfigError(
        f"hydra.run.dir={run_dir}: holds a run already; choose another, move that one away{resume}"
    )


def _reject_unused_groups(schema: type[Section], overrides: list[str]) -> None:
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0].partition(".")[0]
        if key in foreign_sections(schema):
            allowed = ", ".join(sorted(schema.model_fields))
            why = (
                "comes from the checkpoint"
                if "checkpoint" in schema.model_fields
                else "has no part"
            )
            raise ConfigError(f"{key}: {why} here, leave it out; allowed: {allowed}")
