"""Which part of people's own data is which split, however they call it."""

import hashlib
from collections.abc import Collection, Iterable

from seg.data.readers.image_label_pairs import Pair
from seg.errors import ConfigError, DataError

_SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


def find_split(split: str, available: Iterable[str], where: object) -> str | None:
    """The name among `available` that means `split`, in any case of letters; None: there is none.

    Args:
        split: `train`, `val`, `test`, each with its usual other spellings, or a name as it is.
        available: names of directories, lists or parts.
        where: what holds them, for messages.

    Raises:
        DataError: two names mean the split.
    """
    meant = _SPELLINGS.get(split, (split.lower(),))
    found = sorted(name for name in available if name.lower() in meant)
    if len(found) > 1:
        raise DataError(
            f"{where}: {' and '.join(found)} both mean the split {split!r}; keep or rename one"
        )
    return found[0] if found else None


def split_names(available: Iterable[str]) -> list[str]:
    """Those among `available` that mean a split, sorted."""
    known = {spelling for spellings in _SPELLINGS.values() for spelling in spellings}
    return sorted(name for name in available if name.lower() in known)


def no_split_error(split: str, found: Collection[str], where: object) -> DataError:
    """What to say where the data is split and `split` is not among its parts."""
    return DataError(
        f"{where}: no split {split!r}; found: {', '.join(sorted(found)) or 'none'}\n"
        f"  it may be called {', '.join(_SPELLINGS.get(split, (split,)))}"
    )


def hash_split(
    names: Collection[str], split: str, *, val_fraction: float, seed: int, where: object
) -> set[str]:
    """Return the names of one split of data that comes unsplit.

    The order that decides hangs on (seed, name) alone: the same names give the same split on every
    machine, and a new name hardly moves the others.

    Args:
        names: of all samples.
        split: `train` or `val`.
        val_fraction: of the names that go to `val`, between 0 and 1; one of them at least.
        seed: another seed, another split.
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
    pairs: tuple[Pair, ...], split: str, *, val_fraction: float, seed: int, where: object
) -> tuple[Pair, ...]:
    """Return the pairs of one split of data that comes unsplit: those that `hash_split` names.

    Raises:
        ConfigError, DataError: as for `hash_split`.
    """
    names = [pair.name for pair in pairs]
    kept = hash_split(names, split, val_fraction=val_fraction, seed=seed, where=where)
    return tuple(pair for pair in pairs if pair.name in kept)
