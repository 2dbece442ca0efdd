"""The best trial of a sweep as an experiment file: `experiment/winner.yaml`."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from seg.io.atomic import write_atomically
from seg.sweeps.overrides_to_yaml import OverrideFile, run_config_yaml
from seg.sweeps.trials import Sweep, Trial, read_overrides

NAME = "winner"
RECIPES = {"train": "experiment", "pretrain": "pretraining"}


@dataclass(frozen=True)
class Winner:
    """The best trial and what runs it again.

    Attributes:
        trial: the trial.
        path: of the file, below the sweep's directory.
        text: content of the file.
        command: command that reads the file, quoted for a shell.
    """

    trial: Trial
    path: Path
    text: str
    command: str


def winner_of(directory: Path, sweep: Sweep, trial: Trial) -> Winner:
    """Turn the overrides of a trial into an experiment: groups in `defaults`, values as keys.

    Run directory and `resume` are left out. What no file can express (`~key`, an entry of a list)
    becomes part of the command.

    Raises:
        HydraException: the trial's overrides cannot be parsed.
        DataError: they name options of another `--config-dir`, and its `config.yaml` is missing.
    """
    group = RECIPES[sweep.command]
    run_dir = trial.run_dir(directory)
    overrides = read_overrides(run_dir)
    if overrides is None:
        overrides = _overrides_of(sweep, trial)
    file = OverrideFile(group)
    for override in OverridesParser.create().parse_overrides(overrides):
        file.add(override)
    text = file.text() if file.is_ours() else run_config_yaml(run_dir, sweep.command)
    place = shlex.quote(str(directory.resolve()))  # absolute, for any working directory
    words = [f"{group}={NAME}", *map(shlex.quote, file.words)]
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
    """Return the plain overrides of the sweep's command line and the trial's choices."""
    chosen = {key.lstrip("+") for key in trial.choices}
    fixed = [
        word
        for word in sweep.line
        if not word.startswith("-")
        and ("=" in word or word.startswith("~"))
        and word.lstrip("+").partition("=")[0] not in chosen
    ]
    return [*fixed, *(f"{key}={value}" for key, value in trial.choices.items())]
