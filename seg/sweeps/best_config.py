"""The winner of a sweep as a file that reruns it: `experiment/winner.yaml`."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from seg.io.atomic import write_atomically
from seg.sweeps.overrides_to_yaml import OverrideFile, whole
from seg.sweeps.trial_files import read_overrides, trial_directory
from seg.sweeps.trials import Sweep, Trial

NAME = "winner"
RECIPES = {"train": "experiment", "pretrain": "pretraining"}


@dataclass(frozen=True)
class Winner:
    """What reruns a trial.

    Attributes:
        trial: the trial.
        path: of the file, below the sweep's directory.
        text: its content.
        command: that reads it, as one types it.
    """

    trial: Trial
    path: Path
    text: str
    command: str


def winner_of(directory: Path, sweep: Sweep, trial: Trial) -> Winner:
    """What a trial was told, as an experiment: its groups in `defaults`, its values as keys.

    Where the run lies and whether it goes on is left out. What no file can say (`~key`, an entry
    of a list) becomes part of the command.

    Raises:
        HydraException: what the trial was told cannot be read.
        DataError: it was told options of another `--config-dir`, and its `config.yaml` is missing.
    """
    group = RECIPES[sweep.command]
    folder = trial_directory(directory, trial)
    overrides = read_overrides(folder)
    told = _overrides_of(sweep, trial) if overrides is None else overrides
    said = OverrideFile(group)
    for override in OverridesParser.create().parse_overrides(told):
        said.add(override)
    text = said.text() if said.is_ours() else whole(folder, sweep.command)
    place = shlex.quote(str(directory.resolve()))  # it is read anywhere
    words = [f"{group}={NAME}", *map(shlex.quote, said.words)]
    command = f"python -m seg.{sweep.command} --config-dir {place} {' '.join(words)}"
    head = [
        "# @package _global_",
        *(f"# {line}" for line in f"command:  {command}".splitlines()),
        f"# found:    trial {trial.number} of {len(sweep.trials)}, {sweep.monitor} {trial.value}",
    ]
    text = "\n".join([*head, text])
    return Winner(trial, Path(group, f"{NAME}.yaml"), text, command)


def write_winner(directory: Path, winner: Winner) -> None:
    """Write the file into the sweep's directory, which becomes Hydra's `--config-dir`."""
    write_atomically(directory / winner.path, lambda file: file.write(winner.text.encode()))


def _overrides_of(sweep: Sweep, trial: Trial) -> list[str]:
    """What the sweep's line fixed, and what the trial chose."""
    chosen = {key.lstrip("+") for key in trial.choices}
    fixed = [
        word
        for word in sweep.line
        if not word.startswith("-")
        and ("=" in word or word.startswith("~"))
        and word.lstrip("+").partition("=")[0] not in chosen
    ]
    return [*fixed, *(f"{key}={value}" for key, value in trial.choices.items())]
