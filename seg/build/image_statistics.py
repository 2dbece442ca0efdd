"""What is declared of images but is counted over the training split, as numbers."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from seg.config.images_target import ImagesTarget
from seg.config.schema import FitConfig, PretrainConfig
from seg.data.value_statistics import ValueStatistics, count_values, first_kind
from seg.errors import ConfigError

C = TypeVar("C", bound=FitConfig)

_log = logging.getLogger(__name__)
_STEPS = 2.0  # standard deviations on either side of the mean


def image_section(config: FitConfig) -> str:
    """Return the key of the section of images."""
    return "classification_dataset" if isinstance(config, PretrainConfig) else "dataset"


def with_recorded_images(config: C, recorded: ImagesTarget) -> C:
    """Return a resumed run's configuration with the numbers that its start has counted.

    Args:
        config: as it was chosen.
        recorded: the section of images in the checkpoint.
    """
    key = image_section(config)
    section: ImagesTarget = getattr(config, key)
    update: dict[str, Any] = {}
    if section.kind is None:
        update["kind"] = recorded.kind
    if section.scaling is not None and recorded.scaling is None:
        update |= {"scaling": None, "value_range": recorded.value_range, "clip": recorded.clip}
    return config.model_copy(update={key: section.model_copy(update=update)})


def with_counted_images(config: C, open_train: Callable[[Any], Any]) -> C:
    """Replace `scaling` by the range that is counted, and write down the type of values.

    Images of 8 bits and without a declared range stay as they are: nothing is read for them.

    Args:
        config: of a run.
        open_train: opens the training split of a section of images.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    key = image_section(config)
    section: ImagesTarget = getattr(config, key)
    workers = config.loader.num_workers
    update: dict[str, Any] = {}
    if section.scaling is not None:
        update = counted(section, open_train(section.uncounted()), key, num_workers=workers)
    elif section.value_range is not None and section.kind is None and config.resume is None:
        update = {"kind": first_kind(open_train(section.uncounted()))}
    return config.model_copy(update={key: section.model_copy(update=update)}) if update else config


def counted(
    section: ImagesTarget, dataset: Any, key: str, *, num_workers: int, tolerant: bool = False
) -> dict[str, Any]:
    """Count what the `scaling` of a section stands for.

    Args:
        section: with `scaling`.
        dataset: the training split, opened as `uncounted`.
        key: of the section, for messages.
        num_workers: processes that read.
        tolerant: leave out images that cannot be read.

    Returns:
        the keys of the section that replace it.

    Raises:
        ConfigError, DataError: what is wrong with which key or file.
    """
    if not hasattr(dataset, "decoding"):
        raise ConfigError(f"{key}.scaling={section.scaling}: this dataset reads no image files")
    statistics = count_values(dataset, num_workers=num_workers, tolerant=tolerant)
    update = scaling_keys(statistics, str(section.scaling), clip=section.clip)
    for band, (low, high) in enumerate(zip(statistics.low, statistics.high, strict=True), 1):
        if low == high and not statistics.std[band - 1]:
            _log.warning("%s: band %d holds one value, %g, throughout", key, band, low)
    return update


def scaling_keys(statistics: ValueStatistics, scaling: str, *, clip: bool) -> dict[str, Any]:
    """Return `value_range`, `clip` and `kind` of a section for a scaling."""
    if scaling == "mean_std":
        clip = False
        spreads = [(m, _STEPS * s) for m, s in zip(statistics.mean, statistics.std, strict=True)]
        pairs = [(mean - spread, mean + spread) for mean, spread in spreads]
    else:
        pairs = list(zip(statistics.low, statistics.high, strict=True))
    # A band of one value has no range: it becomes black, or white where nothing is above.
    pairs = [(low, high) if low < high else _around(low, statistics.kind) for low, high in pairs]
    value_range: Any = tuple(pairs) if len(pairs) > 1 else pairs[0]
    return {"scaling": None, "value_range": value_range, "clip": clip, "kind": statistics.kind}


def _around(value: float, kind: str) -> tuple[float, float]:
    step = max(1.0, abs(value) * 2**-10)
    return (value - step, value) if kind == "uint8" and value == 255 else (value, value + step)


def scaling_line(update: dict[str, Any], key: str = "dataset") -> str:
    """Return what is typed for the keys of a section, in a shell."""
    pairs = update["value_range"]
    several = isinstance(pairs[0], tuple)
    text = ",".join(f"[{low!r},{high!r}]" for low, high in (pairs if several else [pairs]))
    text = f"[{text}]" if several else text
    return (
        f"'{key}.value_range={text}' {key}.clip={str(update['clip']).lower()}"
        f" {key}.kind={update['kind']}"
    )
