"""Runs a sweep: proposes trials, launches them, writes down how each ended, goes on later."""

import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from seg.errors import ConfigError, UserError, first_line
from seg.outputs.files import write_atomically
from seg.outputs.lock import locked
from seg.sweeping.composition import Composer
from seg.sweeping.optuna_search import OptunaSearch
from seg.sweeping.outcome import FAILURE, forget_failure
from seg.sweeping.progress import Progress
from seg.sweeping.resumed import typed
from seg.sweeping.search import Grid, Search
from seg.sweeping.spaces import split
from seg.sweeping.trials import FILE, Sweep, Trial, read_sweep

log = logging.getLogger(__name__)
_TOGETHER = 4  # trials that are drawn at once for a launcher that does not say how many it runs


class SweepError(UserError):
    """A sweep has ended without what it was asked for."""


def sweep(
    options: Mapping[str, Any],
    arguments: list[str],
    context: HydraContext,
    config: DictConfig,
    launcher: Launcher,
) -> None:
    """Carry out a sweep in `hydra.sweep.dir`, or with `resume=auto` go on with the one there.

    Args:
        options: `conf/hydra/sweeper/*.yaml`.
        arguments: of the command line, less those for Hydra.
        context: loads configurations.
        config: of the sweep; its `hydra` section names directory and launcher.
        launcher: runs trials.

    Raises:
        ConfigError: no trial could be composed, or the directory holds another sweep.
        SweepError: more trials failed than it bears, or all did; after the rest was written.
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
        line = [each for each in sys.argv[1:] if each not in ("-m", "--multirun")]
        begun = Sweep(composer.command, line, monitor, maximize)
        begun = _known(directory, begun, resumes="resume=auto" in swept.common)
        begun = _retried(directory, begun) if options["retry_failed"] else begun
        search.begin(directory, maximize=maximize, known=begun.trials)
        text = OmegaConf.to_yaml(config)
        write_atomically(directory / "multirun.yaml", lambda file: file.write(text.encode()))
        progress = Progress(directory, begun, search, max_failures=options["max_failures"])
        together = at_once(options, config.hydra.launcher)
        _run(progress, composer, launcher, together)
        _close(progress)


def at_once(options: Mapping[str, Any], launcher: Mapping[str, Any]) -> int | None:
    """How many trials the launcher is given together; None: all."""
    if options["at_once"] is not None:
        return max(1, int(options["at_once"]))
    if str(launcher["_target_"]).endswith(".BasicLauncher"):
        return 1
    if "sampler" not in options:
        return None
    jobs = launcher.get("n_jobs")
    return int(jobs) if jobs is not None and int(jobs) > 0 else _TOGETHER


def _known(directory: Path, begun: Sweep, *, resumes: bool) -> Sweep:
    """The sweep that is there already, or the new one."""
    if not (directory / FILE).exists():
        return begun
    if not resumes:
        raise ConfigError(
            f"hydra.sweep.dir={directory}: holds a sweep already; choose another, move that one "
            f"away, or go on with it: {typed(begun.command, f'resume={directory}')}"
        )
    known = read_sweep(directory)
    if (known.command, known.monitor) != (begun.command, begun.monitor):
        raise ConfigError(
            f"hydra.sweep.dir={directory}: holds a sweep of seg.{known.command} by "
            f"{known.monitor}, this one is of seg.{begun.command} by {begun.monitor}"
        )
    return known


def _retried(directory: Path, known: Sweep) -> Sweep:
    """Failed trials become such that were cut off."""
    trials = []
    for trial in known.trials:
        again = trial.state == "failed"
        if again:
            forget_failure(directory / str(trial.number))
        trials.append(Trial(trial.number, trial.choices, "running") if again else trial)
    return replace(known, trials=tuple(trials))


def _run(progress: Progress, composer: Composer, launcher: Launcher, together: int | None) -> None:
    # those that ended while nobody was left to note it
    progress.collect([trial.number for trial in progress.sweep.trials], lost=None)
    while not progress.is_over_budget and (numbers := progress.next_numbers(together)):
        jobs = {}
        for number, choices in progress.begin(numbers).items():
            extras = progress.search.extras(number)
            overrides = composer.overrides(number, choices, extras)
            fault = composer.fault(overrides)
            if fault is None:
                jobs[number] = overrides
            else:
                progress.fail(number, fault)
        progress.write()
        if jobs:
            _launch(progress, launcher, jobs)


def _launch(progress: Progress, launcher: Launcher, jobs: Mapping[int, Sequence[str]]) -> None:
    """Run trials to their ends.

    Raises:
        Exception: the launcher's own, where it could start none of them.
    """
    numbers = list(jobs)
    try:
        launcher.launch([list(each) for each in jobs.values()], initial_job_idx=numbers[0])
    except Exception as error:
        if not any(progress.run_dir(number).exists() for number in numbers):
            raise
        log.warning("the launcher ended with %s", first_line(error))
        progress.collect(numbers, lost=f"the launcher ended with {first_line(error)}")
    except BaseException:  # a signal: what was going on can be gone on with
        progress.collect(numbers, lost=None)
        command = typed(progress.sweep.command, f"resume={progress.directory}")
        log.warning("the sweep was ended; this goes on with it: %s", command)
        raise
    else:
        progress.collect(numbers)


def _close(progress: Progress) -> None:
    from seg.sweeping.closing import close_sweep

    sweep = progress.sweep
    counts = Counter(trial.state for trial in sweep.trials)
    total, left = progress.search.total, progress.search.total - len(sweep.trials)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    log.info("sweep of %d trials: %s in %s", total, told, progress.directory)
    close_sweep(progress.directory)
    if not counts["failed"] or (counts["finished"] and not progress.is_over_budget):
        return
    first = next(trial for trial in sweep.trials if trial.state == "failed")
    again = typed(sweep.command, f"resume={progress.directory}", "hydra.sweeper.retry_failed=true")
    allowed = f", {progress.max_failures} allowed" if progress.is_over_budget else ""
    raise SweepError(
        f"{counts['failed']} of {len(sweep.trials)} trials failed{allowed}; {left} were not begun\n"
        f"  the first, trial {first.number}: {str(first.error).splitlines()[0]}\n"
        f"  all of it: {progress.directory / '*' / FAILURE}\n"
        f"  once it is mended: {again}"
    )
