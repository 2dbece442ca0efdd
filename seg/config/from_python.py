"""The configuration of a command, chosen by arguments in Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf

from seg.config.composition import composed
from seg.config.options import read_option
from seg.config.schema import Section, foreign_sections, validate

C = TypeVar("C", bound=Section)


def chosen(
    name: str, schema: type[C], options: Mapping[str, str | None], values: Mapping[str, Any]
) -> C:
    """Return the configuration that a command line of the same choices gives.

    Args:
        name: of the command.
        schema: of its configuration.
        options: option of a group; None: as the command has it.
        values: keys that differ from those of the command, nested; paths are taken as well.

    Raises:
        ConfigError: an unknown option, or a key or value that does not fit.
    """
    named = {group: option for group, option in options.items() if option is not None}
    for group, option in named.items():
        read_option(group, option)  # says which there are
    config = composed(name, [f"{group}={option}" for group, option in named.items()])
    plain = _laid_over(OmegaConf.to_container(config, resolve=True), values)
    foreign = foreign_sections(schema)
    return validate(schema, {key: value for key, value in plain.items() if key not in foreign})


def _laid_over(plain: Any, values: Any) -> Any:
    if isinstance(plain, Mapping) and isinstance(values, Mapping):
        inner = {key: _laid_over(plain.get(key), value) for key, value in values.items()}
        return {**plain, **inner}
    if isinstance(values, Path):
        return str(values)
    return list(values) if isinstance(values, tuple) else values
