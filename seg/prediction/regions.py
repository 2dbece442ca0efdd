"""Regions of predictions: of all kinds of classes, with confidences, and cut where holes are."""

from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.code_masks import output_masks
from seg.data.label_space import LabelSpace
from seg.data.readers.shape_classes import BACKGROUND
from seg.errors import ConfigError
from seg.prediction.polygons import UNCUT, Cuts, Region, Regions, trace_regions

_NO_CLASS = (BACKGROUND, "_background_")
_OFF_CENTER = 0.25  # of a pixel: a cut through its center would leave open whose it is


def drawn_classes(names: Sequence[str], chosen: Sequence[str] | None = None) -> dict[int, str]:
    """Return the names of the classes that are drawn, by position.

    Args:
        names: of all classes.
        chosen: some of them; None or empty: all but one called `background`, by which label tools
            mean what has no shape.

    Raises:
        ConfigError: there is no such class.
    """
    for name in chosen or ():
        if name not in names:
            raise ConfigError(f"classes: no class {name!r}; allowed: {', '.join(names)}")
    drawn = chosen or [name for name in names if name not in _NO_CLASS]
    return {at: name for at, name in enumerate(names) if name in drawn}


def trace_classes(
    label_HW: NDArray[Any],
    labels: LabelSpace,
    *,
    tolerance_px: float,
    min_area_px: int,
    cuts: Cuts = UNCUT,
) -> Regions:
    """Trace the regions of a label map; see `trace_regions`.

    Classes that overlap are traced one by one: those of one class are simplified together.
    """
    traced_as = partial(
        trace_regions, tolerance_px=tolerance_px, min_area_px=min_area_px, cuts=cuts
    )
    if labels.mode != "multi_label":
        return traced_as(label_HW, num_classes=labels.num_classes)
    traced = [
        traced_as((~mask_HW).astype(np.uint8), num_classes=1)
        for mask_HW in output_masks(label_HW, labels)
    ]
    return Regions(
        [
            Region(index, region.polygon)
            for index, of_class in enumerate(traced)
            for region in of_class.regions
        ],
        sum(each.num_small for each in traced),
        sum(each.small_px for each in traced),
    )


def confidence(region: Region, probabilities_KHW: NDArray[Any], labels: LabelSpace) -> float:
    """Return the mean probability of a region's class over its pixels.

    Args:
        region: of this image.
        probabilities_KHW: one an output, NaN where the image has no data.
        labels: the classes of the network.
    """
    left, top, mask_HW = region.mask()
    part_Khw = probabilities_KHW[
        :, top : top + mask_HW.shape[0], left : left + mask_HW.shape[1]
    ].astype(np.float32)
    values_N = _class_probability(part_Khw, region.class_index, labels)[mask_HW]
    values_N = values_N[~np.isnan(values_N)]
    return min(1.0, float(values_N.mean())) if len(values_N) else 0.0


def _class_probability(
    probabilities_KHW: NDArray[np.float32], class_index: int, labels: LabelSpace
) -> NDArray[np.float32]:
    """Return the probability of a class, H x W; of what is in no output that of none of them."""
    stands_for = labels.outputs.stands_for if labels.outputs else range(labels.num_classes)
    if class_index in stands_for:
        return np.asarray(probabilities_KHW[stands_for.index(class_index)])
    return np.asarray(1 - probabilities_KHW.max(0))


def image_confidence(probabilities_KHW: NDArray[np.float32], labels: LabelSpace) -> float:
    """Return the mean probability of what is predicted over an image's pixels, 0 without any."""
    if labels.outputs is None:
        decided = probabilities_KHW.max(0)
    else:
        decided = np.maximum(probabilities_KHW, 1 - probabilities_KHW)
    decided = decided[~np.isnan(decided)]
    return min(1.0, float(decided.mean(dtype=np.float64))) if decided.size else 0.0


def without_holes(region: Region) -> list[Region]:
    """Cut a region from top to bottom so that no part has a hole; together they are the region.

    Label tools hold polygons without holes. As few cuts as possible go through all holes.
    """
    import shapely

    if not region.has_holes:
        return [region]
    left, top, right, bottom = region.polygon.bounds
    edges = [left, *_cuts(region), right]
    strips = shapely.box(edges[:-1], top, edges[1:], bottom)
    parts = shapely.get_parts(shapely.intersection(region.polygon, strips))
    is_area = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & (
        shapely.area(parts) > 0
    )
    regions = [Region(region.class_index, part) for part in parts[is_area]]
    return [each for each in regions if _has_pixels(each)]


def _has_pixels(region: Region) -> bool:
    """Return whether the center of a pixel lies inside: beside a cut there may be a sliver."""
    left, top, right, bottom = (round(value) for value in region.polygon.bounds)
    return left < right and top < bottom and bool(region.mask()[2].any())


def _cuts(region: Region) -> list[float]:
    """Return ascending positions such that one lies strictly inside each hole, from the left."""
    spans = sorted((ring.bounds[2], ring.bounds[0]) for ring in region.polygon.interiors)
    cuts: list[float] = []
    for end, start in spans:
        if cuts and start < cuts[-1]:
            continue
        inside = float(ceil(end) - 1)
        cuts.append(inside if inside > start else end - _OFF_CENTER * (end - start))
    return cuts
