"""Where a run stands, and whether it may go on."""

import json
import logging
import math
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from seg.assemble.networks import training_config
from seg.checkpoint import State, read_state
from seg.config.schema import FitConfig
from seg.errors import ConfigError, DataError
from seg.io.json_file import read_json
from seg.io.source import Source, checked
from seg.outputs.curve import cut_curve
from seg.outputs.files import write_atomically

log = logging.getLogger(__name__)
F = TypeVar("F", bound=FitConfig)
# What does not change the numbers of a run, as prefixes of keys.
_FREE = (
    *(
        "resume",
        "rescale",
        "dry_run",
        "divergence",
        "weights",
        "partial",
        "moving_average",
        "encoder.weights",
        "logger",
    ),
    *("dataset.root", "dataset.cache", "callbacks.progress", "callbacks.checkpoints.every"),
    *("image_dataset.root", "image_dataset.cache_mib"),
    *("callbacks.gif", "trial"),
    *("loader.num_workers", "loader.prefetch_factor", "loader.pin_memory", "loader.timeout_s"),
    *(f"teaching.{key}" for key in ("num_workers", "prefetch_factor", "pin_memory", "timeout_s")),
    *("trainer.accelerator", "trainer.log_every_n_steps", "trainer.num_sanity_val_steps"),
)
_SHARES = ("trainer.devices", "trainer.num_nodes", "trainer.strategy", "loader.batch_size")
_ABSENT = "(absent)"


def finished_value(run_dir: Path, score: str) -> float | None:
    """That score of a run that has ended; None where there is more to do."""
    path = run_dir / "metrics.json"
    if not path.exists():
        return None
    source = Source(path, "record of scores", "delete it to score anew")
    scores = checked(
        dict[str, float | None], read_json(path, source.kind, remedy=source.remedy), source
    )
    if score not in scores:
        raise source.damaged(f"damaged (no {score})")
    value = scores[score]
    return math.nan if value is None else value


def newest_sound(run_dir: Path, *, before: float = math.inf) -> State | None:
    """The newest checkpoint that can be read whole; damaged ones are named and passed over.

    Args:
        run_dir: of the run.
        before: only checkpoints before this optimizer step.

    Returns:
        where the run goes on; None: at its start.

    Raises:
        DataError: there are checkpoints, but none is sound.
    """
    folder = run_dir / "checkpoints"
    found = sorted(folder.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in found:
        try:
            checkpoint = read_state(path)
        except DataError as error:
            log.warning("passed over: %s", error)
        else:
            if checkpoint.step < before:
                return checkpoint
    if found and before == math.inf:
        raise DataError(
            f"resume: none of the checkpoints in {folder} is sound\n"
            "  restore one from a copy, or start anew in another hydra.run.dir"
        )
    return None


def begin(position: State | None, run_dir: Path) -> None:
    """Cut the curve of a run back to where it goes on, and note that it does."""
    if position is not None:
        name = position.path.name
        _make_it_the_last(position.path)
        log.info("going on from step %d (%s) in %s", position.step, name, run_dir)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"time": now, "step": position.step, "checkpoint": name}
        with (run_dir / "resumes.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")
    cut_curve(run_dir / "metrics.csv", 0 if position is None else position.step)


def _make_it_the_last(checkpoint: Path) -> None:
    """A process that was killed between the two may have left a best that is newer."""
    last = checkpoint.with_name("last.ckpt")
    if checkpoint != last:
        with checkpoint.open("rb") as file:
            write_atomically(last, lambda copy: shutil.copyfileobj(file, copy))


def rescaled(config: F, position: State | None) -> F:
    """With `rescale` and another number of processes, the batch that keeps the step as it was.

    Raises:
        ConfigError: the samples of a step cannot be shared out evenly.
    """
    if position is None or not config.rescale:
        return config
    before = training_config(position, type(config))
    processes = config.trainer.processes
    samples = before.loader.batch_size * before.trainer.processes
    if samples % processes:
        raise ConfigError(
            f"rescale: {samples} samples a step cannot be shared by {processes} processes; "
            "give a number of devices that divides them"
        )
    log.warning(
        "%d processes instead of %d: loader.batch_size=%d instead of %d, %d samples a step",
        processes,
        before.trainer.processes,
        samples // processes,
        before.loader.batch_size,
        samples,
    )
    loader = config.loader.model_copy(update={"batch_size": samples // processes})
    return config.model_copy(update={"loader": loader})


def refuse_changes(
    position: State | None, config: Mapping[str, Any], schema: type[FitConfig]
) -> None:
    """Hold the configuration of a run that goes on against the one it was begun with.

    Raises:
        ConfigError: a key that changes its numbers: both sides in a table.
    """
    if position is None:
        return
    recorded = training_config(position, schema).model_dump(mode="json", by_alias=True)
    before, now = dict(_flat(recorded)), dict(_flat(config))
    free = (*_FREE, *(_SHARES if config["rescale"] else ()))
    changed = [
        key
        for key in sorted(before.keys() | now.keys())
        if before.get(key, _ABSENT) != now.get(key, _ABSENT) and not key.startswith(free)
    ]
    if not changed:
        return
    rows = [("", "the run", "now")]
    rows += [(key, str(before.get(key, _ABSENT)), str(now.get(key, _ABSENT))) for key in changed]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    table = "\n".join(f"  {a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in rows[:5])
    more = f"\n  and {len(changed) - 4} more" if len(changed) > 4 else ""
    devices = "\n  on another number of devices: rescale=true" if set(changed) & {*_SHARES} else ""
    raise ConfigError(
        f"resume: {position.path} was trained by another configuration\n"
        f"{table}{more}{devices}\n"
        "  go on as it began (resume=RUN_DIR takes its own choices), or start a new run from its "
        "weights: weights=RUN_DIR, with other classes also reset_head=true"
    )


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
