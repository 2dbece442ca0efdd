"""Every KEY=VALUE, command and extra that any message of the package names can be typed.

The strings are read from the source, so that no message is left out; what they offer is typed in
`tests/models/test_remedies.py`, `tests/config/test_typed_words.py` and beside each message's cause.
"""

import inspect
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from seg.config.allowed_targets import locate
from seg.config.conf_dir import conf_dir
from seg.errors import ConfigError
from seg.models.decoders import create_decoder
from seg.models.decoders.deeplabv3plus import DeepLabV3Plus
from tests.commands.package_messages import KEY, messages
from tests.conftest import REPO
from tests.remedies import GROUPS, SCHEMAS

COMMANDS = list(SCHEMAS)
# Sections are written before the keys that these files name.
SECTIONS = ("seg/config/schema.py", "seg/config/images_target.py")
_SWEEPS = {"hydra.run.dir", "hydra.sweep.dir", "hydra.mode"}
# Arguments of Python functions, not keys: what whoever calls the function gets to read.
PYTHON = {"output_stride", "padding", "pad_to_grid", "align_corners", "sync_dist"}
# Options of other programs, within a command line that is offered.
OTHERS = {"sha256"}
# Parameters of HTTP headers, an attribute of Label Studio's labels.
HEADERS = {"boundary", "charset", "camera", "microphone", "geolocation", "predicted_values"}


@cache
def keys() -> frozenset[str]:
    """Every key that some command takes with some choice of options."""
    found = set(_SWEEPS)
    for command, (schema, _) in SCHEMAS.items():
        content = yaml.safe_load((conf_dir() / f"{command}.yaml").read_text())
        found |= set(schema.model_fields) | set(_flat(content, ""))
    for group in GROUPS:
        for file in (conf_dir() / group).glob("*.yaml"):
            content = yaml.safe_load(file.read_text()) or {}
            found |= {group, *_flat(content, f"{group}.")}
            found |= {f"{group}.{name}" for name in _arguments(content, group)}
    return frozenset(found)


def _flat(content: dict[str, object], prefix: str) -> Iterator[str]:
    for key, value in content.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        for each in value if isinstance(value, list) else ():
            if isinstance(each, dict):
                yield from _flat(each, f"{prefix}{key}.0.")


def _arguments(content: dict[str, object], group: str) -> list[str]:
    try:
        target = locate(str(content["_target_"]), group)
    except (KeyError, ConfigError):
        return []
    if group == "decoder" and target is create_decoder:
        target = DeepLabV3Plus
    return list(inspect.signature(target).parameters)


def test_each_key_that_a_message_names_is_there():
    wrong = []
    for place, text in messages():
        for name, value in KEY.findall(text):
            key = name.replace(".N.", ".0.")
            if text.startswith(f"{key}=") and place.startswith(SECTIONS):
                continue  # the section is written before it
            if key in PYTHON | OTHERS | HEADERS or key in keys():
                if key in GROUPS and re.fullmatch(r"[a-z]\w*", value) and value != "null":
                    option = conf_dir() / key / f"{value}.yaml"
                    if not option.is_file() and key not in _own_keys():
                        wrong.append(f"{place}: {key}={value}: no such option")
                continue
            wrong.append(f"{place}: {key}=: no such key in {text!r}")
    assert not wrong, "\n".join(wrong)


@cache
def _own_keys() -> frozenset[str]:
    """Keys of commands that share the name of a group."""
    return frozenset(name for schema, _ in SCHEMAS.values() for name in schema.model_fields) & {
        "weights"
    }


def test_each_command_and_extra_that_a_message_names_is_there():
    pyproject = tomllib.loads((REPO / "pyproject.toml").read_text())
    extras = set(pyproject["project"]["optional-dependencies"])
    for place, text in messages():
        for command in re.findall(r"python -m seg\.(\w+)", text):
            assert command in COMMANDS, place
        for extra in re.findall(r"seg-xception\[([\w-]+)\]", text):
            assert extra in extras, place
        for file in re.findall(r"\bconf/(\w+(?:/\w+)?\.yaml)", text):
            assert (Path(conf_dir()) / file).is_file(), place


def test_the_messages_are_found():
    texts = [text for _, text in messages()]
    assert sum(len(KEY.findall(text)) for text in texts) > 200
    assert any("dataset.unannotated=background" in text for text in texts)
