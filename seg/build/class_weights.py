"""Class weights from the training labels, which are counted once and only on demand."""

from collections.abc import Callable
from functools import cache
from typing import Any

from seg.config.schema import TrainConfig
from seg.config.section import Target
from seg.data.statistics import DatasetStatistics, median_frequency_weights


def with_class_weights(
    config: TrainConfig, statistics: Callable[[], DatasetStatistics]
) -> TrainConfig:
    """Replace `class_weights: auto` of the loss, at any depth, by numbers.

    They are median-frequency weights of the training split; the checkpoint holds the numbers.

    Args:
        config: of the run.
        statistics: counts the training split; called only where a loss asks for weights.
    """

    @cache
    def weights() -> list[float]:
        return [round(weight, 4) for weight in median_frequency_weights(statistics())]

    loss = Target.model_validate(_with_weights(config.loss.node(), weights))
    return config.model_copy(update={"loss": loss})


def _with_weights(value: Any, weights: Callable[[], list[float]]) -> Any:
    if isinstance(value, dict):
        return {
            key: weights()
            if key == "class_weights" and inner == "auto"
            else _with_weights(inner, weights)
            for key, inner in value.items()
        }
    return [_with_weights(inner, weights) for inner in value] if isinstance(value, list) else value
