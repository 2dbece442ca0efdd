"""The work of `python -m seg.predict`."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from seg.checkpoint import Checkpoint, read_checkpoint
from seg.config.commands import PredictConfig
from seg.errors import ConfigError, DataError
from seg.prediction.camera import Camera
from seg.prediction.format import Format, Record, check_names, load_formats
from seg.prediction.items import Item, share
from seg.prediction.job import Job
from seg.prediction.manifest import Manifest, is_damaged
from seg.prediction.sources import CAMERA, list_items
from seg.prediction.targets import refuse_overwriting, remove_half_written
from seg.preparation.progress import counted

_log = logging.getLogger(__name__)
_LISTED = 5


def predict(config: PredictConfig, output: Path) -> None:
    """Predict what the input holds and is not done yet.

    Raises:
        DataError: the input is missing, or, at the end, some of it is damaged.
        ConfigError: what formats, inference or device refuse; results of other choices in `output`.
        StorageError: a file cannot be written.
    """
    check_names(config.formats)
    if config.input.startswith(CAMERA):
        _predict_camera(config, output)
        return
    items = list_items(
        config.input, output=output, frame_step=config.frame_step, max_frames=config.max_frames
    )
    job = Job.of(config, output)
    checkpoint = read_checkpoint(config.checkpoint)
    formats = load_formats(job.formats, job.settings(checkpoint.labels))
    refuse_overwriting(items, formats, output)
    mine = share(items, shard=config.shard, num_shards=config.num_shards)
    with _manifest(config, job, checkpoint) as manifest:
        todo = [item for item in mine if not manifest.is_done(item)]
        remove_half_written(todo, formats, output)
        damaged = _keep(_records(config, job, checkpoint, todo), manifest, len(todo))
        manifest.sort(items)
        _assemble(items, formats, manifest)
    _log.info("%d of %d pictures: %s", len(mine) - len(damaged), len(mine), output)
    if damaged:
        raise DataError(
            f"{len(damaged)} of {len(mine)} pictures could not be read: "
            f"{', '.join(damaged[:_LISTED])}"
        )


def _manifest(config: PredictConfig, job: Job, checkpoint: Checkpoint) -> Manifest:
    return Manifest(
        job.output,
        job.header(checkpoint),
        shard=config.shard,
        num_shards=config.num_shards,
        skip_existing=config.skip_existing,
    )


def _records(
    config: PredictConfig, job: Job, checkpoint: Checkpoint, todo: Sequence[Item]
) -> Iterator[Record]:
    if not todo:
        return iter(())
    if config.predict == "ray":
        from seg.prediction.on_ray import records_on_ray

        return records_on_ray(job, todo, workers=config.ray_workers, address=config.ray_address)
    return job.predictor(checkpoint).records(todo)


def _keep(records: Iterable[Record], manifest: Manifest, total: int | None) -> list[str]:
    """Write down what is done; the sources that are damaged."""
    damaged = []
    with counted("predicting", total) as on_item:
        for record in records:
            manifest.append(record)
            if is_damaged(record):
                _log.error("%s", record["error"])
                damaged.append(record["source"])
            on_item()
    return damaged


def _assemble(items: Sequence[Item], formats: Sequence[Format], manifest: Manifest) -> None:
    """Make what is made of all items, once the last shard has done its share."""
    making = [each for each in formats if each.assembled(items)]
    if not making:
        return
    records = manifest.all_records()
    known = [item for item in items if records.get(item.name, {}).get("version") == item.version]
    if len(known) < len(items):
        _log.info("%d of %d are done; the last shard writes the rest", len(known), len(items))
        return
    done = [(item, records[item.name]) for item in known if not is_damaged(records[item.name])]
    for each in making:
        each.assemble(done)


def _predict_camera(config: PredictConfig, output: Path) -> None:
    """Predict live pictures until the camera ends, `max_frames`, or Ctrl-C."""
    if config.num_shards > 1 or config.predict != "local":
        raise ConfigError(f"input={config.input}: a camera has one reader; num_shards=1 and local")
    job = Job.of(config, output)
    checkpoint = read_checkpoint(config.checkpoint)
    formats = load_formats(job.formats, job.settings(checkpoint.labels))
    with _manifest(config, job, checkpoint) as manifest:
        there = manifest.all_records()
        first = next(n for n in count() if Camera.name_of(config.input, n) not in there)
        camera = Camera(config.input, first=first, max_frames=config.max_frames)
        try:
            _keep(job.predictor(checkpoint, camera).records(camera.items()), manifest, None)
        except KeyboardInterrupt:
            _log.info("stopped")
        records = manifest.all_records()
        items = [
            Item(name, record["source"], "frame", record["part"], record["version"])
            for name, record in sorted(records.items())
            if record["source"] == config.input
        ]
        _assemble(items, formats, manifest)
    _log.info("%d pictures of %s: %s", len(items) - first, config.input, output)
