"""Checks of label spaces: of plain data from files, and of the names in `labels.*`."""

from collections.abc import Mapping, Sequence
from typing import Any

from seg.data.label_dtype import WIDE_IGNORE_INDEX
from seg.errors import ConfigError, brief

_MAX_FILE_ID = 2**20  # COCO panoptic's categories reach 200, Cityscapes' ids 33


def check_plain(plain: Mapping[str, Any], *, num_codes: int) -> None:
    """Check what `LabelSpace.to_dict` returned.

    Raises:
        ValueError: it is not in that form; no file can make a label space of unlimited size.
    """
    for key in ("names", "palette", "file_ids"):
        if not isinstance(plain.get(key), list | tuple):
            raise ValueError(f"{key} of the classes is {brief(plain.get(key))}; a list is expected")
    for key, length in (("palette", 3), ("file_ids", 2)):
        for entry in plain[key]:
            if not isinstance(entry, list | tuple) or len(entry) != length:
                raise ValueError(f"{key} of the classes holds {brief(entry)}, not {length} numbers")
    _check_numbers(plain, num_codes)


def _check_numbers(plain: Mapping[str, Any], num_codes: int) -> None:
    ignore_index = plain.get("ignore_index")
    if type(ignore_index) is not int or not 0 <= ignore_index <= WIDE_IGNORE_INDEX:
        raise ValueError(f"ignore index {ignore_index!r}; allowed: 0 to {WIDE_IGNORE_INDEX}")
    if not all(isinstance(name, str) for name in plain["names"]):
        raise ValueError("a class name is no text")
    shares = [share for color in plain["palette"] for share in color]
    if not all(type(share) is int and 0 <= share <= 255 for share in shares):
        raise ValueError("a color is not [r, g, b], each 0 to 255")
    train_ids = {*range(num_codes), ignore_index}
    for value, train_id in plain["file_ids"]:
        known = type(train_id) is int and train_id in train_ids
        if type(value) is not int or not 0 <= value <= _MAX_FILE_ID or not known:
            raise ValueError(f"file id {value!r} of class {train_id!r}")


def new_names(names: Sequence[str], merge: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the new name of each class, in the old order."""
    new_name = {name: name for name in names}
    merged: set[str] = set()
    for new, members in merge.items():
        check_known(f"labels.merge.{new}", members, set(names))
        if twice := merged & set(members):
            raise ConfigError(f"labels.merge.{new}: {', '.join(sorted(twice))} is in two groups")
        merged |= set(members)
        new_name |= dict.fromkeys(members, new)
    for new in merge:
        if new in names and new not in merged:
            raise ConfigError(f"labels.merge.{new}: is a class already; list it among the members")
    return new_name


def check_known(key: str, names: Sequence[str], known: set[str]) -> None:
    """Raise a `ConfigError` for names that are no class; `key` names the option."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"{key}: no class {', '.join(map(repr, unknown))}; allowed: {', '.join(sorted(known))}"
        )


def ranges(values: list[int]) -> str:
    """Return numbers as ranges: '0-2, 255' for [0, 1, 2, 255]."""
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)
