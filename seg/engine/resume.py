"""Resumption of a run: where it stands, and whether it may go on."""

import json
import logging
import math
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from seg.build.image_statistics import image_section, with_recorded_images
from seg.build.models import training_config
from seg.config.changes import LENGTH, Changes, changes, table
from seg.config.former_keys import with_present_keys
from seg.config.schema import FitConfig, validate
from seg.errors import ConfigError, DataError, first_lines
from seg.io.atomic import write_atomically
from seg.io.json_file import read_json
from seg.io.run_record import CONFIG, accept, is_finished, mark_unfinished
from seg.io.source import Source, checked
from seg.io.yaml_file import read_yaml
from seg.training.checkpoint import State, read_state
from seg.training.loggers.csv_logger import cut_curve

log = logging.getLogger(__name__)
F = TypeVar("F", bound=FitConfig)


def completed_score(run_dir: Path, score: str) -> float | None:
    """Return a score of a finished run; None where the run is not finished."""
    path = run_dir / "metrics.json"
    if not is_finished(run_dir) or not path.exists():
        return None
    source = Source(path, "record of scores", "delete it to score anew")
    scores = checked(
        dict[str, float | None], read_json(path, source.kind, remedy=source.remedy), source
    )
    if score not in scores:
        raise source.damaged(f"damaged (no {score})")
    value = scores[score]
    return math.nan if value is None else value


def latest_valid_checkpoint(run_dir: Path, *, before: float = math.inf) -> State | None:
    """Return the newest checkpoint that can be read whole; damaged ones are logged and skipped.

    Args:
        run_dir: of the run.
        before: only checkpoints before this optimizer step.

    Returns:
        where the run goes on; None: at its start.

    Raises:
        DataError: there are checkpoints, but none is sound.
    """
    directory = run_dir / "checkpoints"
    paths = sorted(directory.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in paths:
        try:
            checkpoint = read_state(path)
        except DataError as error:
            log.warning("passed over: %s", error)
        else:
            if checkpoint.step < before:
                return checkpoint
    if paths and before == math.inf:
        raise DataError(
            f"resume: none of the checkpoints in {directory} is sound\n"
            "  restore one from a copy, or start anew in another hydra.run.dir"
        )
    return None


def prepare_run_dir(position: State | None, run_dir: Path) -> None:
    """Accept this start; cut the curve of a run back to where it goes on, and note that it does."""
    accept(run_dir)
    mark_unfinished(run_dir)
    if position is not None:
        name = position.path.name
        last = position.path.with_name("last.ckpt")
        if position.path != last:  # a process killed between the two may leave a best that is newer
            with position.path.open("rb") as checkpoint:
                write_atomically(last, lambda copy: shutil.copyfileobj(checkpoint, copy))
        log.info("going on from step %d (%s) in %s", position.step, name, run_dir)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"time": now, "step": position.step, "checkpoint": name}
        with (run_dir / "resumes.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")
    cut_curve(run_dir / "metrics.csv", 0 if position is None else position.step)


def keep_global_batch_size(config: F, position: State | None) -> F:
    """Return the configuration with the batch of each process that keeps the global batch size.

    Raises:
        ConfigError: the samples of a step cannot be shared out evenly.
    """
    if position is None or not config.keep_global_batch_size:
        return config
    before = training_config(position, type(config))
    processes = config.trainer.processes
    samples = before.loader.batch_size * before.trainer.processes
    if samples % processes:
        raise ConfigError(
            f"keep_global_batch_size: {samples} samples a step cannot be shared by {processes} "
            "processes; give a number of devices that divides them"
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


def keep_counted_images(config: F, position: State | None) -> F:
    """Return the configuration with the ranges of values that the start of the run has counted."""
    if position is None:
        return config
    recorded = training_config(position, type(config))
    return with_recorded_images(config, getattr(recorded, image_section(config)))


def changes_at(position: State, config: Mapping[str, Any], now: F) -> Changes:
    """Compare the configuration of a resumed run with the one that it was started with.

    Args:
        position: where it goes on.
        config: what its parts were built from, plain data.
        now: the same, as it was chosen.

    Returns:
        the changes of its length; other changes are refused.

    Raises:
        ConfigError: other keys that change its numbers differ: both sides in a table.
    """
    return _changes_of_length(training_config(position, type(now)), config, now, position.path)


def changes_since(run_dir: Path, now: FitConfig) -> Changes:
    """Compare the configuration of a finished run, by its `config.yaml`, with the one chosen now.

    Raises:
        ConfigError: as `changes_at`.
        DataError: that file does not fit this version.
    """
    path = run_dir / CONFIG
    if not path.exists():
        return {}
    try:
        recorded = validate(type(now), with_present_keys(read_yaml(path, "configuration")))
    except ConfigError as error:
        raise DataError(f"{path}: does not fit this version:\n{first_lines(error)}") from None
    return _changes_of_length(recorded, now.model_dump(mode="json", by_alias=True), now, run_dir)


def _changes_of_length(
    recorded: FitConfig, config: Mapping[str, Any], now: FitConfig, place: Path
) -> Changes:
    """Return the changes of the length; refuse those of other keys."""
    before = recorded.model_dump(mode="json", by_alias=True)
    changed = changes(before, config, keep_global_batch_size=now.keep_global_batch_size)
    if not changed.keys() <= LENGTH:
        raise ConfigError(table(changed, str(place)))
    return changed
