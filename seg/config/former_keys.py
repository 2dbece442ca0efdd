"""Names that groups, options and keys had before: records hold them, nobody can type them.

What a run, a sweep, a checkpoint or a card has recorded is translated as it is read. A name that
is typed is refused as any unknown one, and the message says what it is called now.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from seg.config.former_names import with_present_names

# Former key -> present key; a group is the key of its section.
KEYS = {
    "auxiliary": "aux_head",
    "callbacks.pictures": "callbacks.log_images",
    "classifier": "head",
    "dataset.fraction": "dataset.subset_fraction",
    "dataset.fraction_seed": "dataset.subset_seed",
    "dataset.quarantine": "dataset.exclude",
    "divergence": "nan_policy",
    "image_augmentation": "classification_augmentation",
    "image_dataset": "classification_dataset",
    "mixing": "mixup",
    "mixing.cutmix": "mixup.cutmix_alpha",
    "mixing.mixup": "mixup.mixup_alpha",
    "parameters": "param_groups",
    "rescale": "keep_global_batch_size",
    "trial": "_trial",
}
# Truth values that became their opposites.
OPPOSITES = {"encoder.partial": "encoder.strict", "partial": "strict"}
# Keys of commands whose choices no record brings back: named where they are typed, that is all.
COMMAND_KEYS = {
    "action": "task",
    "calibration.pictures": "calibration.num_images",
    "case": "table",
    "engines": "exports",
    "lengths": "dataset_sizes",
    "pictures": "num_images",
    "predict": "backend",
    "sides": "image_sizes",
    "way": "variant",
    "ways": "variants",
}
_RENAMED = {**KEYS, **OPPOSITES}
_OPPOSITE = dict(zip(("true", "yes", "on", "1"), ("false", "no", "off", "0"), strict=True))
_OPPOSITE |= {no: yes for yes, no in _OPPOSITE.items()}
# Present group -> former option -> present option.
OPTIONS: dict[str, dict[str, str]] = {
    "augmentation": {
        "street": "default",
        "street_769": "crop769",
        "street_device": "gpu",
        "street_mild": "weak",
        "street_strong": "strong",
        "streets": "synthetic",
    },
    "callbacks": {
        "classification_averaged": "classification_ema",
        "moving_average": "ema",
        "stochastic_weight_averaging": "swa",
    },
    "distillation": {
        "distillation": "logits",
        "distillation_channel_wise": "channel_wise",
        "distillation_maps": "features",
    },
    "head": {"fully_connected": "mlp", "gap": "global_average_pool"},
    "hydra": {"tool": "no_run_dir"},
    "loader": {
        "eight_workers": "workers8",
        "one_by_one": "variable_size",
        "pictures": "classification",
    },
    "loss": {"top_pixels": "hard_pixel_mining"},
    "trainer": {"by_steps": "max_steps"},
}
# One group became two.
TEACHING, DISTILLATION, SEMI_SUPERVISED = "teaching", "distillation", "semi_supervised"
_MEAN_TEACHER = "mean_teacher"
_OF_DISTILLATION = ("checkpoint", "objectives")
_PARAMS = "hydra.sweeper.params."
_CHOICE = re.compile(r"([+~]*)([\w./-]+)(?:@(?:_global_\.)?([\w.]+))?(?:=(.*))?", re.DOTALL)
_WORD, _REFERENCE = re.compile(r"[\w-]+"), re.compile(r"(?<=\$\{)[\w.]+(?=\})")


def with_present_keys(recorded: Any) -> Any:
    """Return a recorded configuration with the names of today, those of its targets included.

    A former name beside its present one stays, and is refused where the record is held against
    the schema. What is no mapping is returned as it is.
    """
    if not isinstance(recorded, Mapping):
        return recorded
    renamed: dict[Any, Any] = {}
    for key, value in with_present_names(recorded).items():
        name = _present_section(key, value)
        inner = _with_present_inner(key, value) if isinstance(value, Mapping) else value
        if name not in recorded:
            renamed[name] = _present_value(key, inner)
        else:
            renamed[key] = inner
    return renamed


def present_key(key: str) -> str:
    """Return the name by which a key with dots goes today; others as they are."""
    section, dot, rest = key.partition(".")
    if section == TEACHING:
        first = rest.partition(".")[0]
        alone = not dot or first in _OF_DISTILLATION
        return (DISTILLATION if alone else SEMI_SUPERVISED) + dot + rest
    parts = key.split(".")
    for length in (2, 1):
        former = ".".join(parts[:length])
        if former in _RENAMED:
            return ".".join([_RENAMED[former], *parts[length:]])
    return key


def present_choice(choice: str) -> str:
    """Return a recorded `KEY=VALUE` or `GROUP=OPTION` with the names of today.

    The value of a group may list several options, as a sweep does.
    """
    match = _CHOICE.fullmatch(choice)
    if match is None:
        return choice
    signs, former, package, value = match.groups()
    prefix = _PARAMS if former.startswith(_PARAMS) else ""
    former = former.removeprefix(prefix)
    key = present_key(former)
    if former == TEACHING and value is not None and set(_WORD.findall(value)) & {_MEAN_TEACHER}:
        key = SEMI_SUPERVISED
    place = "" if package is None else choice[match.end(2) : match.start(3)] + present_key(package)
    if value is None:
        return f"{signs}{prefix}{key}{place}"
    words = _OPPOSITE if former in OPPOSITES else OPTIONS.get(key, {})
    value = _WORD.sub(lambda word: words.get(word[0].lower(), word[0]), value) if words else value
    value = _REFERENCE.sub(lambda reference: present_key(reference[0]), value)
    return f"{signs}{prefix}{key}{place}={value}"


def present_choices(choices: Iterable[str]) -> list[str]:
    """Return a recorded command line with the names of today."""
    return [present_choice(each) for each in choices]


def renamed(key: str, sections: Collection[str] = ()) -> str:
    """Say what a former key that is typed is called today; empty for others."""
    present = COMMAND_KEYS.get(key, "")
    if present.partition(".")[0] in sections:
        return present
    if key == TEACHING:
        return f"{DISTILLATION}, or {SEMI_SUPERVISED}={_MEAN_TEACHER}"
    if key in OPPOSITES:
        return f"{OPPOSITES[key]}, its opposite,"
    present = present_key(key)
    return "" if present == key else present


def renamed_option(group: str, option: str) -> str:
    """Say what a former option of a group is called today; empty for others."""
    return OPTIONS.get(group, {}).get(option, "")


def _present_section(key: Any, value: Any) -> Any:
    if not isinstance(key, str):
        return key
    target = value.get("_target_") if isinstance(value, Mapping) else None
    if key == TEACHING and str(target).endswith(".MeanTeacher"):
        return SEMI_SUPERVISED
    return present_key(key)


def _with_present_inner(section: Any, content: Mapping[Any, Any]) -> dict[Any, Any]:
    renamed: dict[Any, Any] = {}
    for key, value in content.items():
        path = f"{section}.{key}"
        name = _RENAMED[path].rpartition(".")[2] if path in _RENAMED else key
        if name not in content:
            renamed[name] = _present_value(path, value)
        else:
            renamed[key] = value
    return renamed


def _present_value(former: Any, value: Any) -> Any:
    return not value if former in OPPOSITES and isinstance(value, bool) else value
