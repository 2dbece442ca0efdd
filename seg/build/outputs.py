"""What a network tells of a dataset's classes, from `labels.*`."""

from collections.abc import Sequence
from dataclasses import replace

from seg.config.schema import Labels
from seg.data.label_space import LabelSpace
from seg.data.outputs import Outputs, binary_outputs, region_outputs
from seg.errors import ConfigError


def with_outputs(labels: LabelSpace, config: Labels) -> LabelSpace:
    """Return a label space with the mode, regions and thresholds of a configuration.

    Raises:
        ConfigError: a mode that the labels do not allow, regions or thresholds that do not fit.
    """
    outputs = _outputs(labels, config)
    if outputs is None:
        if config.thresholds is not None:
            raise ConfigError(
                "labels.thresholds: exclusive classes have none, the greatest logit decides\n"
                "  give labels.mode=binary, multi_label or labels.regions with it"
            )
        return labels
    if config.thresholds is not None and config.thresholds != "best_dice":
        outputs = outputs.with_thresholds(_thresholds(config.thresholds, outputs))
    return replace(labels, outputs=outputs)


def _outputs(labels: LabelSpace, config: Labels) -> Outputs | None:
    own = labels.outputs
    if own is not None:
        if config.regions or config.mode not in (None, own.mode):
            wish = "labels.regions" if config.regions else f"labels.mode={config.mode}"
            raise ConfigError(
                f"{wish}: the classes of this dataset overlap in its labels\n"
                "  leave it out, or give the dataset one label map an image"
            )
        return own
    if config.regions:
        return region_outputs(labels.names, config.regions, config.region_order)
    if config.mode == "binary":
        return binary_outputs(labels.names)
    if config.mode == "multi_label":
        raise ConfigError(
            "labels.mode=multi_label: the labels of this dataset hold one class a pixel\n"
            "  give one mask file a class: dataset=folder 'dataset.labels=masks/{class}/{stem}.png'"
            ",\n  or unions of classes: labels.regions={whole: [a, b], a: [a]}"
        )
    return None


def _thresholds(chosen: float | Sequence[float], outputs: Outputs) -> Sequence[float]:
    count = len(outputs.names)
    if isinstance(chosen, float):
        return (chosen,) * count
    if len(chosen) != count:
        raise ConfigError(
            f"labels.thresholds: {len(chosen)} for {count} outputs; give one for all, or one for"
            f" each of {', '.join(outputs.names)}"
        )
    return chosen
