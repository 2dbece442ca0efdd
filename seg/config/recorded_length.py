"""Recorded length of a resumed run, which precedes the default of today."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seg.config.budget import LENGTH, VALIDATIONS, with_budget
from seg.config.former_keys import present_choice, with_present_keys
from seg.errors import DataError
from seg.io.yaml_file import read_yaml

_CONFIG, _OVERRIDES = "config.yaml", Path(".hydra", "overrides.yaml")
_KEYS = (*LENGTH, *VALIDATIONS)
_RECIPES = ("trainer", "experiment", "pretraining", "dataset", "classification_dataset")


def with_recorded_length(
    plain: dict[str, Any], run_dir: Path, overrides: Iterable[str]
) -> dict[str, Any]:
    """Put the length and the distance of validations that a run records in place of the defaults.

    A key that was chosen anew since the run began stays. A new length in epochs takes the
    place of one in steps, and the other way round.

    Args:
        plain: the configuration as it is composed now, without `auto`.
        run_dir: of the run that goes on; one without a readable record changes nothing.
        overrides: the choices now, those that the run records among them.
    """
    settled = with_budget(with_present_keys(_read(run_dir / _CONFIG)))
    recorded = settled.get("trainer") if isinstance(settled, Mapping) else None
    before, now = _choices(_read(run_dir / _OVERRIDES)), _choices(overrides)
    same_recipe = all(before.get(key) == now.get(key) for key in _RECIPES)
    dropped = [key for key in _KEYS if _typed(key) in before and _typed(key) not in now]
    if not isinstance(recorded, Mapping) or not recorded or not same_recipe or dropped:
        return plain
    new = {key for key in _KEYS if before.get(_typed(key)) != now.get(_typed(key))}
    trainer = dict(plain["trainer"])
    trainer |= {key: recorded[key] for key in _KEYS if key in recorded and key not in new}
    for key, other in (LENGTH, LENGTH[::-1]):
        if key in new and other not in new and recorded.get(key) in (-1, None):
            trainer[other] = -1
    return {**plain, "trainer": trainer}


def _read(path: Path) -> Any:
    try:
        return read_yaml(path, "record")
    except (DataError, FileNotFoundError):  # named where the run is opened
        return None


def _choices(overrides: Any) -> dict[str, str]:
    """Return the last value of each key."""
    words = [present_choice(each) for each in overrides or () if isinstance(each, str)]
    pairs = (each.lstrip("+").partition("=") for each in words)
    return {key: value for key, equals, value in pairs if equals}


def _typed(key: str) -> str:
    return f"trainer.{key}"
