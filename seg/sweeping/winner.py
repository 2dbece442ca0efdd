"""The winner of a sweep as a file that reruns it: `experiment/winner.yaml`."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from seg.config.location import conf_dir
from seg.outputs.files import write_atomically
from seg.sweeping.records import folder_of, read_overrides
from seg.sweeping.trials import Sweep, Trial

NAME = "winner"
RECIPES = {"train": "experiment", "pretrain": "pretraining"}
_OF_THE_RUN_ALONE = ("resume",)


@dataclass
class _Said:
    """Overrides, by how a file says them; `words` can only be said on the command line."""

    recipes: list[str] = field(default_factory=list)
    added: list[dict[str, Any]] = field(default_factory=list)
    chosen: list[dict[str, Any]] = field(default_factory=list)
    values: DictConfig = field(default_factory=OmegaConf.create)
    words: list[str] = field(default_factory=list)


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
    """
    group = RECIPES[sweep.command]
    said = _Said()
    overrides = read_overrides(folder_of(directory, trial))
    told = _from_the_line(sweep, trial) if overrides is None else overrides
    for override in OverridesParser.create().parse_overrides(told):
        _say(override, group, said)
    place = shlex.quote(str(_from_here(directory)))
    words = [f"{group}={NAME}", *map(shlex.quote, said.words)]
    command = f"python -m seg.{sweep.command} --config-dir {place} {' '.join(words)}"
    head = [
        "# @package _global_",
        *(f"# {line}" for line in f"command:  {command}".splitlines()),
        f"# found:    trial {trial.number} of {len(sweep.trials)}, {sweep.monitor} {trial.value}",
    ]
    text = "\n".join(head) + "\n" + _yaml(said)
    return Winner(trial, Path(group, f"{NAME}.yaml"), text, command)


def write_winner(directory: Path, winner: Winner) -> None:
    """Write the file into the sweep's directory, which becomes Hydra's `--config-dir`."""
    write_atomically(directory / winner.path, lambda file: file.write(winner.text.encode()))


def _from_the_line(sweep: Sweep, trial: Trial) -> list[str]:
    """What the sweep's line fixed, and what the trial chose."""
    fixed = [
        word
        for word in sweep.line
        if not word.startswith("-")
        and ("=" in word or word.startswith("~"))
        and word.lstrip("+").partition("=")[0] not in trial.choices
    ]
    return [*fixed, *(f"{key}={value}" for key, value in trial.choices.items())]


def _say(override: Override, group: str, said: _Said) -> None:
    key, value, word = override.key_or_group, override.value(), override.input_line or ""
    if override.is_hydra_override() or key in _OF_THE_RUN_ALONE:
        return
    is_group = (conf_dir() / key).is_dir() and not isinstance(value, dict)
    if override.is_delete() or override.is_sweep_override() or (not is_group and _in_a_list(key)):
        said.words.append(word)
    elif is_group and key == group:
        said.recipes += map(str, value if isinstance(value, list) else [value])
    elif is_group:
        name = f"/{key}" if override.package is None else f"/{key}@{override.package}"
        if override.is_add():
            said.added.append({name: value})
        else:
            said.chosen.append({f"override {name}": value})
    else:
        OmegaConf.update(said.values, key, value, merge=True, force_add=True)


def _in_a_list(key: str) -> bool:
    return "[" in key or any(part.isdecimal() for part in key.split("."))


def _yaml(said: _Said) -> str:
    defaults = [*said.recipes, *said.added, "_self_", *said.chosen]
    parts = [OmegaConf.to_yaml(OmegaConf.create({"defaults": defaults}))]
    if said.values:
        parts.append(OmegaConf.to_yaml(said.values))
    return "\n".join(parts)


def _from_here(directory: Path) -> Path:
    """As one types it in the folder where the sweep was begun."""
    absolute, here = directory.resolve(), Path.cwd().resolve()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
