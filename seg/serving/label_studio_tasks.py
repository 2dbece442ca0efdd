"""Pre-labels of Label Studio's tasks."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seg.data.label_space import LabelSpace
from seg.errors import DataError, UserError, first_of
from seg.inference.image_source import ArrayRaster
from seg.prediction.label_studio_results import Control, make_result
from seg.prediction.regions import confidence, image_confidence, trace_classes, without_holes
from seg.serving.label_studio_config import ImageTag, LabelingConfig, choose_control
from seg.serving.label_studio_images import TaskImages
from seg.serving.service import OverloadError, Segmentation, Service

_AT_ONCE = 4  # tasks of a request, so that one project does not fill the queue
_DIGITS = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tracing:
    """How regions are traced; see `seg.prediction.polygons.trace_regions`."""

    tolerance_px: float
    min_area_px: int


@dataclass(frozen=True)
class _Drawn:
    """The results of an image, and how sure the network is of all its pixels, 0 to 1."""

    results: list[dict[str, Any]]
    score: float


class TaskPredictor:
    """Predicts the tasks of a project.

    Args:
        service: the network.
        images: reads the images of tasks.
        tracing: how regions are traced.
        version: names the network in predictions.
    """

    def __init__(
        self, service: Service, images: TaskImages, tracing: Tracing, version: str
    ) -> None:
        self._service, self._images, self._tracing = service, images, tracing
        self._version = version

    async def predict(
        self, tasks: Sequence[Mapping[str, Any]], config: LabelingConfig
    ) -> list[dict[str, Any]]:
        """Return a prediction for each task.

        One whose image is bad has no result, the error, and another version: Label Studio asks
        again for tasks without a prediction of this version.

        Raises:
            OverloadError: too many images wait.
        """
        slots = asyncio.Semaphore(_AT_ONCE)

        async def predict(task: Mapping[str, Any]) -> dict[str, Any]:
            async with slots:
                try:
                    return await self._predict(task, config)
                except OverloadError:
                    raise
                except UserError as error:
                    _log.warning("label_studio: task %s: %s", task.get("id"), error)
                    version = f"{self._version} (failed)"
                    return {
                        **{"model_version": version, "score": 0.0, "result": []},
                        "error": str(error),
                    }

        return list(await asyncio.gather(*map(predict, tasks)))

    async def _predict(self, task: Mapping[str, Any], config: LabelingConfig) -> dict[str, Any]:
        drawn = []
        for image in config.images:
            for at, address in enumerate(_addresses(task, image)):
                content = await asyncio.to_thread(self._images.read, address)
                drawn.append(
                    await self._draw(content, config.controls_of(image), at, image.is_list)
                )
        results = [result for each in drawn for result in each.results]
        for number, result in enumerate(results, 1):
            result["id"] = str(number)
        score = sum(each.score for each in drawn) / len(drawn)
        return {
            "model_version": self._version,
            "score": round(score, _DIGITS),
            "result": results,
        }

    async def _draw(
        self, content: bytes, controls: Sequence[Control], at: int, is_list: bool
    ) -> _Drawn:
        """Return the results of an image; of a list of them with its position."""
        labels = self._service.model.labels

        def draw(raster: ArrayRaster, segmentation: Segmentation) -> _Drawn:
            drawn = _draw(raster, segmentation, controls, labels, self._tracing)
            for result in drawn.results if is_list else ():
                result["item_index"] = at
            return drawn

        return await self._service.run(content, draw, probabilities=True)


def _draw(
    raster: ArrayRaster,
    segmentation: Segmentation,
    controls: Sequence[Control],
    labels: LabelSpace,
    tracing: Tracing,
) -> _Drawn:
    """Return the results of an image, with their scores."""
    probabilities_KHW = segmentation.probabilities_KHW
    assert probabilities_KHW is not None
    has_polygons = any(each.tag == "PolygonLabels" for each in controls)
    traced = trace_classes(
        segmentation.label_HW,
        labels,
        tolerance_px=tracing.tolerance_px if has_polygons else 0,  # strokes are exact
        min_area_px=tracing.min_area_px,
    )
    results = []
    for region in traced.regions:
        control = choose_control(region, controls)
        if control is None:
            continue
        score = round(confidence(region, probabilities_KHW, labels), _DIGITS)
        for part in without_holes(region) if control.tag == "PolygonLabels" else [region]:
            result = make_result(part, control, (raster.width, raster.height), "")
            results.append({**result, "score": score})
    return _Drawn(results, image_confidence(probabilities_KHW, labels))


def _addresses(task: Mapping[str, Any], image: ImageTag) -> Sequence[Any]:
    """Return the addresses of a task's images.

    Raises:
        DataError: it has none.
    """
    data = task.get("data")
    value = data.get(image.key) if isinstance(data, dict) else None
    addresses = value if image.is_list and isinstance(value, list) else [value]
    if not addresses or None in addresses:
        keys = first_of(sorted(map(str, data))) if isinstance(data, dict) else ""
        raise DataError(
            f"its data have no {image.key!r}, which <Image name={image.name!r}> shows\n"
            f"  they have: {keys or 'nothing'}",
            fault="missing",
        )
    return addresses
