"""Runs a sweep: proposes trials, launches them, records how each ended, goes on later."""

import logging
import shlex
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from seg.config.changes import changes, table
from seg.errors import ConfigError, StorageError, UserError, error_summary, is_out_of_room
from seg.io.atomic import write_atomically
from seg.io.lock import locked
from seg.sweeps.finalize import SectionMaker, close_sweep
from seg.sweeps.grid_search import Grid, Search
from seg.sweeps.optuna_search import OptunaSearch
from seg.sweeps.progress import NO_REASON, Progress
from seg.sweeps.run_trial import FAILURE, forget_failure
from seg.sweeps.search_spaces import split
from seg.sweeps.trial_config import Composer
from seg.sweeps.trials import FILE, Sweep, Trial, read_sweep, without_location

log = logging.getLogger(__name__)
_POLL_S = 1.0
_TOGETHER = 4  # trials drawn at once for a launcher that does not state how many it runs


class SweepError(UserError):
    """A sweep has ended with too many failed trials."""


def sweep(
    options: Mapping[str, Any],
    arguments: list[str],
    context: HydraContext,
    config: DictConfig,
    launcher: Launcher,
    *,
    make_sections: SectionMaker | None = None,
) -> None:
    """Run a sweep in `hydra.sweep.dir`, or with `resume=auto` go on with the one there.

    `options` are those of `conf/hydra/sweeper/*.yaml`, `arguments` the command line without those
    for Hydra; the section `hydra` of the config names the directory.

    Raises:
        ConfigError: no trial could be composed, or the directory contains another sweep.
        SweepError: more trials failed than allowed, or all did; after the rest was written.
    """
    directory = Path(str(config.hydra.sweep.dir)).absolute()
    parser = OverridesParser.create(config_loader=context.config_loader)
    params = [f"{key}={value}" for key, value in options["params"].items() if value is not None]
    swept = split(parser.parse_overrides([*params, *arguments]))
    search: Search = (
        OptunaSearch(swept.sweeps, options) if "sampler" in options else Grid(swept.sweeps)
    )
    composer = Composer(context, config, swept.common)
    monitor, maximize = composer.monitor(search.samples())
    with locked(directory, "hydra.sweep.dir"):
        line = [word for word in sys.argv[1:] if word not in ("-m", "--multirun")]
        record = Sweep(composer.command, line, monitor, maximize)
        resumes = "resume=auto" in swept.common
        record = _known_sweep(directory, record, resumes=resumes, swept=swept.sweeps)
        search.start(directory, maximize=maximize, known=record.trials)
        if options["retry_failed"]:
            record = _reset_failed(directory, record)
        text = OmegaConf.to_yaml(config)
        write_atomically(directory / "multirun.yaml", lambda file: file.write(text.encode()))
        progress = Progress(directory, record, search, max_failures=options["max_failures"])
        together = at_once(options, config.hydra.launcher)
        _run(progress, composer, launcher, together)
        _close(progress, make_sections)


def at_once(options: Mapping[str, Any], launcher: Mapping[str, Any]) -> int | None:
    """Return how many trials the launcher gets together; None: all."""
    if options["at_once"] is not None:
        return max(1, int(options["at_once"]))
    if str(launcher["_target_"]).endswith(".BasicLauncher"):
        return 1
    if "sampler" not in options:
        return None
    jobs = launcher.get("n_jobs")
    return int(jobs) if jobs is not None and int(jobs) > 0 else _TOGETHER


def _known_sweep(directory: Path, new: Sweep, *, resumes: bool, swept: Collection[str]) -> Sweep:
    """Return the record of the sweep in the directory, else the new one."""
    if not (directory / FILE).exists():
        return new
    if not resumes:
        raise ConfigError(
            f"hydra.sweep.dir={directory}: holds a sweep already; choose another, move that one "
            f"away, or go on with it: {_typed(new.command, f'resume={directory}')}"
        )
    known = read_sweep(directory)
    if (known.command, known.monitor) != (new.command, new.monitor):
        raise ConfigError(
            f"hydra.sweep.dir={directory}: holds a sweep of seg.{known.command} by "
            f"{known.monitor}, this one is of seg.{new.command} by {new.monitor}"
        )
    _refuse_other_choices(directory, known.line, new.line, swept)
    return known


def _refuse_other_choices(
    directory: Path, before: Sequence[str], now: Sequence[str], swept: Collection[str]
) -> None:
    """Refuse a line whose trials share other choices; the search itself compares what is swept."""
    first, second = (_shared(each, swept) for each in (before, now))
    changed = changes(first, second, keep_global_batch_size=False)
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
    prefixes = ("hydra.", "hydra/", "-")
    return {k: v for k, v in words.items() if k not in swept and not k.startswith(prefixes)}


def _reset_failed(directory: Path, known: Sweep) -> Sweep:
    """Turn failed trials into trials that were cut off."""
    trials = []
    for trial in known.trials:
        again = trial.state == "failed"
        if again:
            forget_failure(directory / str(trial.number))
        trials.append(Trial(trial.number, trial.choices, "running") if again else trial)
    return replace(known, trials=tuple(trials))


def _run(progress: Progress, composer: Composer, launcher: Launcher, together: int | None) -> None:
    """Launch trials until all have ended or too many have failed."""
    # trials may have ended since the last sweep of this directory did
    progress.update_from_disk([trial.number for trial in progress.sweep.trials], lost=None)
    while not progress.is_over_budget:
        numbers = progress.next_numbers(together)
        if not numbers and not _wait_for_others(progress):
            return
        jobs = {}
        for number, choices in progress.start(numbers).items():
            extras = progress.search.extras(number)
            overrides = composer.overrides(number, choices, extras)
            error = composer.compose_error(overrides)
            if error is None:
                jobs[number] = overrides
            else:
                progress.fail(number, error)
        progress.write()
        if jobs:
            _launch(progress, launcher, jobs)


def _wait_for_others(progress: Progress) -> bool:
    """Wait until a trial of another process has ended; return False if there is none."""
    elsewhere = progress.running_elsewhere()
    if elsewhere:
        log.info("waiting for trials that other processes are at work on: %s", elsewhere)
    while elsewhere and progress.running_elsewhere() == elsewhere:
        time.sleep(_POLL_S)
    progress.update_from_disk(elsewhere, lost=None)
    return bool(elsewhere)


def _launch(progress: Progress, launcher: Launcher, jobs: Mapping[int, Sequence[str]]) -> None:
    """Run trials to their ends.

    Raises:
        Exception: the launcher's own, where it could start none of them.
        StorageError: there is no room for a trial; it can be gone on with.
    """
    numbers = list(jobs)
    try:
        ended = launcher.launch([list(each) for each in jobs.values()], initial_job_idx=numbers[0])
    except Exception as error:
        if is_out_of_room(error):
            progress.update_from_disk(numbers, lost=None)
            raise
        if not any(progress.run_dir(number).exists() for number in numbers):
            raise
        log.warning("the launcher ended with %s", error_summary(error))
        progress.update_from_disk(numbers, lost=f"the launcher ended with {error_summary(error)}")
    except BaseException:  # a signal: what was going on can be gone on with
        progress.update_from_disk(numbers, lost=None)
        command = _typed(progress.sweep.command, f"resume={progress.directory}")
        log.warning("the sweep was ended; this goes on with it: %s", command)
        raise
    else:
        errors = [each._return_value for each in ended]
        full = next((error for error in errors if isinstance(error, StorageError)), None)
        progress.update_from_disk(numbers, lost=NO_REASON if full is None else None)
        if full is not None:
            command = _typed(progress.sweep.command, f"resume={progress.directory}")
            raise StorageError(f"{full}\n  the sweep goes on by {command}")


def _close(progress: Progress, make_sections: SectionMaker | None) -> None:
    """Write leaderboard, page and best config; raise `SweepError` if too many trials failed."""
    sweep = progress.sweep
    counts = Counter(trial.state for trial in sweep.trials)
    total, rest = progress.search.total, progress.search.total - len(sweep.trials)
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    log.info("sweep of %d trials: %s in %s", total, states, progress.directory)
    close_sweep(progress.directory, make_sections)
    if not counts["failed"] or (counts["finished"] and not progress.is_over_budget):
        return
    first = next(trial for trial in sweep.trials if trial.state == "failed")
    again = _typed(sweep.command, f"resume={progress.directory}", "hydra.sweeper.retry_failed=true")
    allowed = f", {progress.max_failures} allowed" if progress.is_over_budget else ""
    raise SweepError(
        f"{counts['failed']} of {len(sweep.trials)} trials failed{allowed}; {rest} were not begun\n"
        f"  the first, trial {first.number}: {first.error_line}\n"
        f"  all of it: {progress.directory / '*' / FAILURE}\n"
        f"  once it is mended: {again}"
    )


def _typed(command: str, *arguments: str) -> str:
    """Return a command quoted for a shell."""
    return shlex.join(["python", "-m", f"seg.{command}", *arguments])
