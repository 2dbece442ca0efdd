"""Progress of a sweep, in memory and in its directory."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seg.io.lock import is_locked
from seg.sweeps.grid_search import Search
from seg.sweeps.run_trial import over_budget, write_failure
from seg.sweeps.trials import Sweep, Trial, read_metrics, read_status, write_sweep

log = logging.getLogger(__name__)
NO_REASON = "its process ended without a word about why"


class Progress:
    """The trials of a sweep, as it began or was cut off; `trials.json` is updated with them.

    No trial starts once more than `max_failures` have failed.
    """

    def __init__(
        self, directory: Path, sweep: Sweep, search: Search, *, max_failures: int | None
    ) -> None:
        self.directory = directory
        self.search = search
        self.max_failures = max_failures
        self._sweep = sweep
        self._trials = {trial.number: trial for trial in sweep.trials}

    @property
    def sweep(self) -> Sweep:
        """Return the sweep's record as it stands."""
        return replace(
            self._sweep, trials=tuple(self._trials[number] for number in sorted(self._trials))
        )

    @property
    def is_over_budget(self) -> bool:
        """Return whether more trials have failed than `max_failures`."""
        return over_budget(self.directory, self.max_failures)

    def next_numbers(self, together: int | None) -> list[int]:
        """List the trials to launch: those that were cut off and run nowhere, then new ones.

        New ones fill up a block of `together`: all of a block are drawn before one of it ends, also
        if the sweep is cut off between.
        """
        size = together or self.search.total
        elsewhere = self.running_elsewhere()
        running = [n for n in self._running() if n not in elsewhere]
        missing = [n for n in range(self.search.total) if n not in self._trials]
        first = max(self._trials, default=0) if running else min(missing, default=0)
        end = (first // size + 1) * size
        return (running + [number for number in missing if number < end])[:size]

    def running_elsewhere(self) -> list[int]:
        """List running trials of other processes, such as those an earlier sweep submitted."""
        return [number for number in self._running() if is_locked(self.run_dir(number))]

    def start(self, numbers: Sequence[int]) -> dict[int, Mapping[str, str]]:
        """Record that trials start; return what each chooses."""
        for number in numbers:
            if number not in self._trials:
                chosen = self.search.choices(number)
                self._trials[number] = Trial(number, chosen, "running")
        self.write()
        return {number: self._trials[number].choices for number in numbers}

    def fail(self, number: int, error: str) -> None:
        """Record that a trial has failed outside its own process."""
        run_dir = self.run_dir(number)
        run_dir.mkdir(parents=True, exist_ok=True)
        write_failure(run_dir, error)
        self._end(replace(self._trials[number], state="failed", error=error))

    def update_from_disk(self, numbers: Sequence[int], *, lost: str | None = NO_REASON) -> None:
        """Record how trials have ended, by the files in their run directories.

        `lost` is the error of those without a recorded end; None: they may go on later.
        """
        for number in numbers:
            if self._trials[number].state != "running":
                continue
            status = read_status(self.run_dir(number))
            if status is not None and status.state != "running":
                done = status.state == "finished"
                metrics = read_metrics(self.run_dir(number)) if done else {}
                ended = replace(
                    self._trials[number],
                    state=status.state,
                    seconds=round(status.seconds, 3),
                    error=status.error,
                    value=metrics.get(self._sweep.monitor),  # none after a dry run
                )
                self._end(ended)
            elif is_locked(self.run_dir(number)):
                continue
            elif lost is not None and status is None and self.is_over_budget:
                del self._trials[number]  # it was not started
            elif lost is not None:
                self.fail(number, lost)
        self.write()

    def write(self) -> None:
        """Write `trials.json`."""
        write_sweep(self.directory, self.sweep)

    def run_dir(self, number: int) -> Path:
        """Return a trial's run directory."""
        return self.directory / str(number)

    def _running(self) -> list[int]:
        """List the running trials by number."""
        return [number for number, each in sorted(self._trials.items()) if each.state == "running"]

    def _end(self, trial: Trial) -> None:
        """Record the end of a trial, with the value that the search takes, and log it."""
        self._trials[trial.number] = replace(trial, value=self.search.ended(trial))
        if trial.error is not None:
            log.warning("trial %d failed: %s", trial.number, trial.error.splitlines()[0])
        elif trial.state == "pruned":
            log.info("trial %d was pruned", trial.number)
