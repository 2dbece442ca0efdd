"""What the training labels hold, counted once and only where something asks for it."""

from typing import Any

from seg.config.schema import Target, TrainConfig
from seg.data.sample import SegmentationDataset
from seg.data.statistics import DatasetStatistics, collect, median_frequency_weights

_AUTO = "auto"


class LazyStatistics:
    """The statistics of a dataset, on call; `num_workers` processes read the labels."""

    def __init__(self, dataset: SegmentationDataset, *, num_workers: int) -> None:
        self._dataset = dataset
        self._num_workers = num_workers
        self._found: DatasetStatistics | None = None

    def __call__(self) -> DatasetStatistics:
        if self._found is None:
            self._found = collect(self._dataset, num_workers=self._num_workers)
        return self._found


def with_class_weights(config: TrainConfig, statistics: LazyStatistics) -> TrainConfig:
    """`class_weights: auto` of the loss, at any depth, becomes the numbers themselves.

    They are median-frequency weights of the training split; the checkpoint holds the numbers.
    """
    node = config.loss.node()
    if not _asks(node):
        return config
    weights = [round(weight, 4) for weight in median_frequency_weights(statistics())]
    loss = Target.model_validate(_filled(node, weights))
    return config.model_copy(update={"loss": loss})


def _asks(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("class_weights") == _AUTO or any(map(_asks, value.values()))
    return isinstance(value, list) and any(map(_asks, value))


def _filled(value: Any, weights: list[float]) -> Any:
    if isinstance(value, dict):
        return {
            key: weights if key == "class_weights" and inner == _AUTO else _filled(inner, weights)
            for key, inner in value.items()
        }
    return [_filled(inner, weights) for inner in value] if isinstance(value, list) else value
