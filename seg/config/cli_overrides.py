"""Command lines as typed, turned into what Hydra's override grammar accepts."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_PATH_KEYS = (
    *("checkpoint", "input", "output", "source", "weights", "resume", "runs", "training", "data"),
    *("dataset.root", "dataset.exclude", "dataset.cache", "dataset.table", "dataset.classes"),
    *("dataset.images", "dataset.labels"),
    *(f"classification_dataset.{key}" for key in ("root", "table", "classes")),
    *("encoder.weights", "distillation.checkpoint", "semi_supervised.images", "camvid_root"),
    *("hydra.run.dir", "hydra.sweep.dir"),
)
_SWEEP_DIR = "hydra.sweep.dir="  # the one path that is not swept
_PLAIN = re.compile(r"[\w./:-]*[A-Za-z/][\w./:-]*", re.ASCII)
_OTHER_KIND = re.compile(r"[\d_.]+e[\d_+-]+|true|false|nan|inf", re.IGNORECASE)
_QUOTED = re.compile(r"""null|'.*'|".*"|.*\$\{.*|""")
_CALL = re.compile(r"(choice|shuffle|sort|range|interval|glob|tag|str|int|float|bool)\(.*\)")
_BETWEEN_COMMAS = re.compile(r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,])+""")
_OPEN = ("labels.", "encoder.variant.")
_LIST_KEYS, _LIST = ("runs", "dataset.classes"), re.compile(r"\[.*\]")


def spell_out(
    positional: str | None, arguments: list[str], implied: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """Turn a first argument `list` into `KEY=list`, for commands with a positional key.

    Args:
        positional: the key; None: the command has none.
        arguments: as typed.
        implied: for a value of that key the choice that comes with it, unless it is typed.
    """
    if positional is None:
        return arguments
    if arguments and "=" not in arguments[0] and not arguments[0].startswith("-"):
        arguments = [f"{positional}={arguments[0]}", *arguments[1:]]
    for value, choice in implied.items():
        group = choice.partition("=")[0]
        typed = any(each.startswith(f"{group}=") for each in arguments)
        if f"{positional}={value}" in arguments and not typed:
            return [choice, *arguments]
    return arguments


def quote_paths(arguments: list[str]) -> list[str]:
    """Quote the values of keys that hold paths, where the grammar would stumble over them.

    `input=photo (1).jpg`, `input=2024` and `output=~/x` become texts. Values that are quoted
    already, `null` and interpolations stay. In a multirun a comma separates values, and calls of
    sweep functions (`choice(a,b)`) stay.
    """
    sweeps = is_multirun(arguments)
    return [_quote(each, swept=sweeps and not each.startswith(_SWEEP_DIR)) for each in arguments]


def is_multirun(arguments: list[str]) -> bool:
    """Return whether a command line asks for a sweep: by `-m`, `sweep=...` or Hydra's own mode."""
    plain = {argument.lstrip("+") for argument in arguments}
    if "hydra.mode=RUN" in plain:
        return False
    has_sweep = any(each.startswith("sweep=") for each in plain - {"sweep=", "sweep=null"})
    return has_sweep or bool(plain & {"-m", "--multirun", "hydra.mode=MULTIRUN"})


def quoted(text: str) -> str:
    """Quote any text as a value of the override grammar."""
    escaped = text.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{escaped}'"


def open_mappings(arguments: list[str]) -> list[str]:
    """Put `++` before `labels.KEY=...`, as `labels.merge={new: [old]}` may name any new class.

    So may `encoder.variant.order=...`, since `encoder.variant` is null. The schema refuses what is
    not a key of `labels`, and the encoder what is none of its variant.
    """
    return [f"++{each}" if each.startswith(_OPEN) and "=" in each else each for each in arguments]


def _quote(argument: str, *, swept: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+") not in _PATH_KEYS:
        return argument
    if (key in _LIST_KEYS and _LIST.fullmatch(value)) or (swept and _CALL.fullmatch(value)):
        return argument
    values = _BETWEEN_COMMAS.findall(value) if swept else [value]
    return f"{key}={','.join(map(_quoted_path, values))}"


def _quoted_path(value: str) -> str:
    if _QUOTED.fullmatch(value):
        return value
    if value == "~" or value.startswith("~/"):
        value = str(Path(value).expanduser())
    if _PLAIN.fullmatch(value) and not _OTHER_KIND.fullmatch(value):
        return value
    return quoted(value)
