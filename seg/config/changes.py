"""Differences between the choices that started a run and those that shall resume it."""

from collections.abc import Iterator, Mapping
from typing import Any

# Prefixes of keys that do not change the numbers of a run.
FREE = (
    *("resume", "keep_global_batch_size", "extend", "dry_run", "nan_policy", "weights", "strict"),
    *("moving_average", "encoder.moving_average", "plugins"),
    *("encoder.weights", "logger", "dataset.root", "dataset.cache", "callbacks.progress"),
    *(
        "callbacks.checkpoints.every",
        "classification_dataset.root",
        "classification_dataset.cache_mib",
    ),
    *("callbacks.gif", "_trial", "dataset.budget", "classification_dataset.budget"),
    *("loader.num_workers", "loader.prefetch_factor", "loader.pin_memory", "loader.timeout_s"),
    *(
        f"semi_supervised.{key}"
        for key in ("num_workers", "prefetch_factor", "pin_memory", "timeout_s")
    ),
    *("trainer.accelerator", "trainer.log_every_n_steps", "trainer.num_sanity_val_steps"),
)
LENGTH = frozenset(("trainer.max_epochs", "trainer.max_steps"))
_SHARES = ("trainer.devices", "trainer.num_nodes", "trainer.strategy", "loader.batch_size")
_BY_CHANNELS = "seg.data.transforms.by_channels.ByChannels"
_ABSENT = "(absent)"
_NULL_BEFORE = ("encoder.input_bands",)  # runs from before there was this key had null
_ROWS = 3

Changes = dict[str, tuple[Any, Any]]
"""Key -> its values before and now; `(absent)` for none."""


def changes(
    before: Mapping[str, Any], now: Mapping[str, Any], *, keep_global_batch_size: bool
) -> Changes:
    """Return the keys that change the numbers of a run and differ in two resolved configurations.

    With `keep_global_batch_size` the share of each device may differ.
    """
    free = (*FREE, *(_SHARES if keep_global_batch_size else ()))
    flat_before, flat_now = dict(flatten(before)), dict(flatten(now))
    keys = [key for key in flat_before.keys() | flat_now.keys() if not key.startswith(free)]
    for key in _NULL_BEFORE:
        if key in flat_now:
            flat_before.setdefault(key, None)
    pairs = {key: (flat_before.get(key, _ABSENT), flat_now.get(key, _ABSENT)) for key in keys}
    return {
        key: (before, now)
        for key, (before, now) in sorted(pairs.items())
        if before not in (now, _of_rgb(now))
    }


def _of_rgb(transforms: Any) -> Any:
    """Return transforms as runs recorded them before others than those for RGB could be chosen."""
    if not isinstance(transforms, list):
        return transforms
    return [
        each
        for transform in transforms
        for each in (
            transform.get("rgb", ())
            if isinstance(transform, Mapping) and transform.get("_target_") == _BY_CHANNELS
            else (transform,)
        )
    ]


def table(changed: Changes, what: str, reason: str = "") -> str:
    """Format the values before and now, and a remedy, in at most six lines.

    Args:
        changed: the differences.
        what: names the run or checkpoint of the choices before.
        reason: why the run cannot go on; empty: the usual remedies.
    """
    most = _ROWS if len(changed) <= _ROWS else _ROWS - 1
    rows = [("", "the run", "now")]
    rows += [(key, str(before), str(now)) for key, (before, now) in list(changed.items())[:most]]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    if len(changed) > most:
        lines.append(f"  and {len(changed) - most} more")
    if not reason:
        devices = (
            "on another number of devices: keep_global_batch_size=true; "
            if set(changed) & {*_SHARES}
            else ""
        )
        reason = (
            f"{devices}as it began: resume=RUN_DIR alone; a new run from its weights: "
            "weights=RUN_DIR, with other classes also reset_head=true"
        )
    return "\n".join(
        [f"resume: {what} was made by other choices", *lines, *(f"  {reason}".splitlines())]
    )


def flatten(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `(key.of.value, value)` of nested mappings; lists and empty mappings stay whole."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from flatten(inner, f"{key}.{name}" if key else str(name))
    elif key:
        yield key, value
