"""The best trial of a sweep as an experiment file: `experiment/winner.yaml`."""

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from seg.config.conf_dir import conf_dir, is_group, option_file
from seg.config.former_keys import present_choice, with_present_keys
from seg.errors import DataError
from seg.io.atomic import write_atomically
from seg.io.yaml_file import read_yaml
from seg.sweeps.trials import Sweep, Trial, read_overrides

NAME = "winner"
RECIPES = {"train": "experiment", "pretrain": "pretraining"}
_SWEEPS = "sweep"
_OF_THE_RUN_ALONE = ("resume", "_trial")


@dataclass(frozen=True)
class Winner:
    """What runs the best trial again.

    Attributes:
        path: of the file, below the sweep's directory.
        text: content of the file.
        command: command that reads the file, quoted for a shell.
    """

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
    file = _OverrideFile(group)
    for override in OverridesParser.create().parse_overrides(overrides):
        file.add(override)
    text = file.text() if file.is_ours() else _run_config_yaml(run_dir, sweep.command)
    place = shlex.quote(str(directory.resolve()))  # absolute, for any working directory
    words = [f"{group}={NAME}", *map(shlex.quote, file.words)]
    command = f"python -m seg.{sweep.command} --config-dir {place} {' '.join(words)}"
    head = [
        "# @package _global_",
        *(f"# {line}" for line in f"command:  {command}".splitlines()),
        f"# found:    trial {trial.number} of {len(sweep.trials)}, {sweep.monitor} {trial.value}",
    ]
    text = "\n".join([*head, text])
    return Winner(Path(group, f"{NAME}.yaml"), text, command)


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


class _OverrideFile:
    """Collects overrides as a defaults list and keys, for a file in a group.

    Attributes:
        values: keys and their values.
        words: overrides that no file can express: `~key`, entries of lists.
    """

    def __init__(self, group: str) -> None:
        self.values: DictConfig = OmegaConf.create()
        self.words: list[str] = []
        self._group = group
        self._files: list[str] = []
        self._added: dict[str, Any] = {}
        self._chosen: dict[str, Any] = {}

    def add(self, override: Override) -> None:
        """Add an override; those of the run's directory, or of a sweep as such, are left out."""
        key, value = override.key_or_group, override.value()
        if override.is_hydra_override() or key in _OF_THE_RUN_ALONE:
            return
        of_group = is_group(key) and not isinstance(value, dict)
        in_a_list = "[" in key or any(part.isdecimal() for part in key.split("."))
        if override.is_delete() or override.is_sweep_override() or (in_a_list and not of_group):
            self.words.append(override.input_line or "")
        elif of_group and key == _SWEEPS:
            self._add_sweep(str(value))
        elif of_group and key == self._group:
            self._files += map(str, value if isinstance(value, list) else [value])
        elif of_group:
            name = f"/{key}" if override.package is None else f"/{key}@{override.package}"
            (self._added if override.is_add() else self._chosen)[name] = value
        else:
            OmegaConf.update(self.values, key, value, merge=True, force_add=True)

    def is_ours(self) -> bool:
        """Return whether all named options lie in the project's own `conf`, or in a plugin's."""
        named = [f"/{self._group}/{name}" for name in self._files if not name.startswith("/")]
        for group, options in {**self._added, **self._chosen}.items():
            each = options if isinstance(options, list) else [options]
            named += [f"{group.partition('@')[0]}/{option}" for option in each if option != "null"]
        return all(option_file(*name[1:].rsplit("/", 1)) is not None for name in named)

    def text(self) -> str:
        """Return the file without its header."""
        chosen = [{f"override {name}": option} for name, option in self._chosen.items()]
        added = [{name: option} for name, option in self._added.items()]
        return _text([*self._files, *added, "_self_", *chosen], self.values)

    def _add_sweep(self, name: str) -> None:
        """Add what `sweep=NAME` sets of its runs; the option itself would begin a sweep again."""
        path = option_file(_SWEEPS, name)
        content = {} if path is None else read_yaml(path, "sweep")
        defaults = [key for each in content.pop("defaults", []) if each != "_self_" for key in each]
        of_hydra = all(str(key).startswith("override /hydra") for key in defaults)
        if not of_hydra or set(content) - {"hydra"}:
            self._files.append(f"/{_SWEEPS}/{name}")
            OmegaConf.update(self.values, "hydra.mode", "RUN", force_add=True)


def _run_config_yaml(run_dir: Path, command: str) -> str:
    """Return a run's whole configuration as a file, whatever options it was made of.

    Raises:
        DataError: the run has no readable `config.yaml`.
    """
    config = with_present_keys(_read_mapping(run_dir / "config.yaml"))
    if not config:
        raise DataError(f"{run_dir}: has options that are not in {conf_dir()}, and no config.yaml")
    choices: Mapping[str, Any] = {}
    with suppress(KeyError, TypeError):
        choices = _read_mapping(run_dir / ".hydra" / "hydra.yaml")["hydra"]["runtime"]["choices"]
    options = dict(
        present_choice(f"{group}={name}").split("=", 1) for group, name in choices.items()
    )
    chosen = []
    for entry in _read_mapping(conf_dir() / f"{command}.yaml")["defaults"]:
        group = str(next(iter(entry))) if isinstance(entry, dict) else ""
        if group in options and group not in ("hydra", _SWEEPS, "experiment", "pretraining"):
            known = option_file(group, str(options[group])) is not None
            chosen.append({f"override /{group}": options[group] if known else None})
    values = {key: value for key, value in config.items() if key not in _OF_THE_RUN_ALONE}
    return _text(["_self_", *chosen], OmegaConf.create(values))


def _text(defaults: list[Any], values: DictConfig) -> str:
    """Format a defaults list and values as YAML."""
    listed = OmegaConf.to_yaml(OmegaConf.create({"defaults": defaults}))
    return f"{listed}\n{OmegaConf.to_yaml(values)}" if values else listed


def _read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; empty if it is missing, damaged or no mapping."""
    with suppress(DataError):
        content = read_yaml(path, "configuration")
        return dict(content) if isinstance(content, Mapping) else {}
    return {}
