"""`@app("train", TrainConfig)`: the only Hydra decorator; it owns errors and run directories."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
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
from seg.config.error_messages import explain
from seg.config.help import asks_for_help, help_text
from seg.config.misread import check_flags, check_options
from seg.config.recorded_length import with_recorded_length
from seg.config.resume_overrides import with_run_directory
from seg.config.run_location import writable_run_directory
from seg.config.schema import FitConfig, Section, foreign_sections, validate
from seg.cpu import disable_malloc_trim, limit_openmp_spin
from seg.data.readers.dataset_root import cache_directory
from seg.engine.distributed.rendezvous import follows
from seg.errors import ConfigError, exit_code_of, user_message
from seg.interruption import INTERRUPTED, is_interrupted, watch_for_interrupts
from seg.io.atomic import scratch_directory
from seg.io.lock import LOCK, locked
from seg.io.run_record import (
    CONFIG,
    HYDRA,
    accept,
    is_finished,
    leaving_nothing_of_a_refusal,
    mark_finished,
    propose,
    withdraw,
)
from seg.io.terminal import say
from seg.sweeps.launcher_env import add_plugins
from seg.sweeps.parent_process import exit_with_parent
from seg.sweeps.resume import with_sweep_directory
from seg.sweeps.run_trial import FAILURE, run_trial
from seg.sweeps.trials import STATUS_FILE
from seg.usage_reports import switch_off_usage_reports

C = TypeVar("C", bound=Section)
Command = Callable[[C, Path], Any]
# What a run that has no checkpoint yet may have begun.
_BEGUN = ("metrics.csv", "tensorboard", "environment.json", "learning", STATUS_FILE, FAILURE)
_TRACEBACK_WANTED = os.environ.get("HYDRA_FULL_ERROR") == "1"


def app(
    name: str, schema: type[C], *, has_run_dir: bool = True, positional: str | None = None
) -> Callable[[Command[C]], Callable[[], None]]:
    """Make a command of a function `(config, run_dir) -> value for the sweeper`.

    The command composes `conf/{name}.yaml`, holds it against `schema` and writes the resolved
    `config.yaml` into the run directory. What a user can mend ends in a few lines: exit code 2 for
    the configuration, 3 for data. `HYDRA_FULL_ERROR=1` shows the traceback instead.

    Args:
        name: of the command and of its configuration.
        schema: what the configuration is held against.
        has_run_dir: False for a command that answers on the terminal; no `config.yaml` then.
        positional: the key that a first argument without `=` gives, as in `seg.weights list`.
    """

    def decorate(command: Command[C]) -> Callable[[], None]:
        begun_s = 0.0

        def job(composed: DictConfig) -> Any:
            if _is_trial():
                return _try(lambda: _run(command, schema, composed, has_run_dir=has_run_dir))
            with _user_errors(name), _removed_if_refused(begun_s) if has_run_dir else nullcontext():
                return _run(command, schema, composed, has_run_dir=has_run_dir)

        def main() -> None:
            nonlocal begun_s
            begun_s = time.time()
            watch_for_interrupts()
            disable_malloc_trim()
            limit_openmp_spin()
            switch_off_usage_reports()
            # matplotlib, which a library imports where it is installed, writes a list of fonts
            os.environ.setdefault("MPLCONFIGDIR", str(cache_directory() / "matplotlib"))
            logging.raiseExceptions = False  # the reader of a pipe, such as `head`, may have gone
            os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra raises, and leaves the words to us
            with _user_errors(name):
                add_plugins()
                search_in_plugins()
                if asks_for_help(sys.argv[1:]):
                    say(help_text(name, quote_paths(sys.argv[1:])))
                    return
                check_flags(sys.argv[1:], name)
                check_options(sys.argv[1:], name)
                given = with_sweep_directory(spell_out(positional, sys.argv[1:]), name)
                place = writable_run_directory(given, name) if has_run_dir else nullcontext(given)
                with place as given:
                    sys.argv[1:] = open_mappings(quote_paths(with_run_directory(given, name)))
                    run = hydra.main(
                        version_base="1.3", config_path=str(conf_dir()), config_name=name
                    )
                    run(job)()

        return main

    return decorate


def _is_trial() -> bool:
    """Whether one of our sweepers has launched this job."""
    hydra_config = HydraConfig.get()
    ours = str(hydra_config.sweeper._target_).startswith("hydra_plugins.seg_sweeper.")
    return ours and hydra_config.mode == RunMode.MULTIRUN


def _try(work: Callable[[], Any]) -> Any:
    """A trial fails by an exception: an exit would end the sweep."""
    hydra_config = HydraConfig.get()
    run_dir = Path(hydra_config.runtime.output_dir)
    with exit_with_parent():
        return run_trial(run_dir, work, max_failures=hydra_config.sweeper.max_failures)


def _removed_if_refused(since_s: float) -> AbstractContextManager[None]:
    return leaving_nothing_of_a_refusal(Path(HydraConfig.get().runtime.output_dir), since_s=since_s)


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
        message = _message(error, name)
        if _TRACEBACK_WANTED or message is None:
            raise
        say(f"error: {message}", file=sys.stderr)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _message(error: Exception, name: str) -> str | None:
    """What to tell; None where only a traceback helps."""
    if isinstance(error, HydraException | OmegaConfBaseException):  # some are OSErrors too
        return explain(error, name, _overrides())
    return user_message(error)


def _overrides() -> list[str]:
    return [
        argument for argument in sys.argv[1:] if "=" in argument and not argument.startswith("-")
    ]


def _run(command: Command[C], schema: type[C], composed: DictConfig, *, has_run_dir: bool) -> Any:
    context = HydraConfig.get()
    run_dir = Path(context.runtime.output_dir)
    plain: dict[str, Any] = OmegaConf.to_container(  # type: ignore[assignment]
        composed, resolve=True, throw_on_missing=True
    )
    _reject_unused_groups(schema, list(context.overrides.task))
    known = {key: value for key, value in plain.items() if key not in foreign_sections(schema)}
    known = with_budget(known)
    if known.get("resume") is not None:
        known = with_recorded_length(known, run_dir, context.overrides.task)
    config = validate(schema, known)
    if not has_run_dir:
        return command(config, run_dir)
    if isinstance(config, FitConfig) and follows(config.trainer):
        if config.resume is not None:
            return command(config, run_dir)  # all machines read what the first one has written
        with scratch_directory() as folder:
            return command(config, folder)  # the run directory is the first machine's
    files = _recorded(composed, known)
    with _locked_run_dir(run_dir, config, files, log_name=f"{context.job.name}.log"):
        value = command(config, run_dir)
        if not (isinstance(config, FitConfig) and config.dry_run):
            mark_finished(run_dir, context.job.name, value)
        return value


def _recorded(composed: DictConfig, resolved: dict[str, Any]) -> dict[str, str]:
    """What a run records of its choices: name of the file -> text; `.hydra/` is as Hydra has it."""
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
    """Take the run directory by its `config.yaml`; give it back if nothing is left there.

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
            left = {path.name for path in run_dir.iterdir()} - before
            if not begun and left <= {CONFIG, HYDRA, LOCK, log_name, *_BEGUN}:
                record.unlink(missing_ok=True)


def _refuse_other_runs(run_dir: Path, config: Section, *, same: bool) -> None:
    """Only a command that was killed, and has no `resume`, may do its work again in its place."""
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
