"""The splits of datasets: their names and sizes, and data that comes unsplit."""

import hashlib
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from seg.data.readers.image_label_pairs import Pairing
from seg.errors import ConfigError, DataError

NO_TEST = "the labels of its test images are not published; seg.predict reads images alone"

_log = logging.getLogger(__name__)
_SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


def find_split(split: str, available: Iterable[str], where: object) -> str | None:
    """Return the name among `available` that means `split`, in any case; None where none does.

    Args:
        split: `train`, `val`, `test`, each with its usual other spellings, or a name as it is.
        available: names of directories, lists or parts.
        where: what holds them, for messages.

    Raises:
        DataError: two names mean the split.
    """
    meant = _SPELLINGS.get(split, (split.lower(),))
    matches = sorted(name for name in available if name.lower() in meant)
    if len(matches) > 1:
        raise DataError(
            f"{where}: {' and '.join(matches)} both mean the split {split!r}; keep or rename one"
        )
    return matches[0] if matches else None


def split_names(available: Iterable[str]) -> list[str]:
    """Return those among `available` that mean a split, sorted."""
    known = {spelling for spellings in _SPELLINGS.values() for spelling in spellings}
    return sorted(name for name in available if name.lower() in known)


def no_split_error(split: str, available: Collection[str], where: object) -> DataError:
    """Return the error for data that is split where no part means `split`."""
    return DataError(
        f"{where}: no split {split!r}; found: {', '.join(sorted(available)) or 'none'}\n"
        f"  it may be called {', '.join(_SPELLINGS.get(split, (split,)))}"
    )


def hash_split(
    names: Collection[str], split: str, *, val_fraction: float, seed: int, where: object
) -> set[str]:
    """Return the names of one split of data that comes unsplit.

    The samples are ordered by a hash of (seed, name): the same names give the same split on every
    machine, and a new name hardly moves the others.

    Args:
        names: of all samples.
        split: `train` or `val`.
        val_fraction: share of the names that go to `val`, between 0 and 1; one of them at least.
        seed: of the hash.
        where: the data, for messages.

    Raises:
        ConfigError: another split, or no fraction between 0 and 1.
        DataError: fewer than two names.
    """
    if split not in ("train", "val"):
        raise ConfigError(
            f"{where} is not split, so it has no split {split!r}; allowed: train, val"
            " (of dataset.val_fraction)"
        )
    if not 0 < val_fraction < 1:
        raise ConfigError(f"dataset.val_fraction={val_fraction}: allowed: above 0 and below 1")
    if len(names) < 2:
        raise DataError(
            f"{where}: {len(names)} samples, not split: training and validation need one each"
        )
    ordered = sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    count = min(max(round(val_fraction * len(names)), 1), len(names) - 1)
    return set(ordered[:count] if split == "val" else ordered[count:])


def split_subset(
    pairing: Pairing, split: str, *, val_fraction: float, seed: int, where: object
) -> Pairing:
    """Return the pairing of one split of data that comes unsplit: as `hash_split` names its pairs.

    Unmatched files stay: they are of no split yet.

    Raises:
        ConfigError, DataError: as for `hash_split`.
    """
    all_names = [pair.name for pair in pairing.pairs]
    names = hash_split(all_names, split, val_fraction=val_fraction, seed=seed, where=where)
    return replace(pairing, pairs=tuple(pair for pair in pairing.pairs if pair.name in names))


def check_choice(
    dataset: str, key: str, value: str, allowed: Sequence[str], *, why: str = ""
) -> None:
    """Refuse a value that an option of a dataset does not take; `why` ends the message.

    Raises:
        ConfigError: `value` is none of `allowed`.
    """
    if value not in allowed:
        reason = f"\n  {why}" if why else ""
        raise ConfigError(
            f"{dataset} has no {key} {value!r}; allowed: {', '.join(allowed)}{reason}"
        )


def warn_if_partial(dataset_name: str, split: str, samples: int, official: int, root: Path) -> None:
    """Log a warning where a split has another number of samples than the official one."""
    if samples != official:
        _log.warning(
            "%s %s in %s has %d samples, the official split %d: partial download?",
            dataset_name, split, root, samples, official,
        )  # fmt: skip
