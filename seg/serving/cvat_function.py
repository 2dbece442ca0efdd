"""Auto-annotation function for CVAT (github.com/cvat-ai/cvat), run by `cvat-cli` (extra `cvat`).

    cvat-cli task auto-annotate ID --function-module seg.serving.cvat_function \
        -p checkpoint=str:RUN

The interface is that of cvat-sdk 2.80: `create` returns a `DetectionFunction`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cvat_sdk.auto_annotation as cvataa
import numpy as np
from cvat_sdk.masks import encode_mask
from cvat_sdk.models import LabeledShapeRequest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from seg.build.instantiate import check_sections
from seg.config.commands import PredictConfig
from seg.config.composition import chosen
from seg.errors import ConfigError, DataError
from seg.inference.image_source import ArrayRaster
from seg.inference.segmentation_model import as_array
from seg.prediction.polygons import Region
from seg.prediction.regions import confidence, drawn_classes, trace_classes, without_holes
from seg.prediction.spec import PredictionSpec

_OF_FILES = ("input", "output", "formats")


class CvatFunction:
    """Pre-labels the frames of a CVAT task: what `seg.predict` gives, as masks or polygons.

    Each connected region of a class is a shape of its own, with its mean probability as `score`.
    Regions below `conf_threshold` are left out. Masks are exact; polygons, for which
    `conv_mask_to_poly` asks, follow `simplify_tolerance_px`, and regions with holes are cut into
    several of them.

    Args:
        checkpoint: a run directory, a checkpoint file, or an exported file.
        per_class: make one mask of all regions of a class.
        classes: names with commas between; empty: all but one called `background`.
        inference: an option of the group `inference`, such as `sliding`.
        **options: other keys of `conf/predict.yaml`: `min_area_px`, `device`, `engine` ...

    Raises:
        ConfigError: an option that `seg.predict` does not have, a class that the network lacks, or
            a library that is not installed.
        DataError: a missing or damaged checkpoint.
    """

    def __init__(
        self,
        checkpoint: str,
        *,
        per_class: bool = False,
        classes: str = "",
        inference: str = "whole",
        **options: Any,
    ) -> None:
        if foreign := sorted(set(options) & set(_OF_FILES)):
            raise ConfigError(
                f"-p {foreign[0]}: the images come from CVAT, and the shapes go there; leave it out"
            )
        values = {
            **options,
            "checkpoint": str(checkpoint),
            "input": "",
            "formats": ["cvat"],  # checks the classes and the libraries
            "classes": [name.strip() for name in classes.split(",") if name.strip()] or None,
        }
        self._config = chosen("predict", PredictConfig, {"inference": inference}, values)
        check_sections(self._config, "inference")
        predictor = PredictionSpec.of(self._config, Path()).predictor()
        self._model, self._inference = predictor.model, predictor.inference
        self._per_class = per_class
        self._classes = drawn_classes(self._model.labels.names, self._config.classes)

    @property
    def spec(self) -> cvataa.DetectionFunctionSpec:
        """Return the labels; the ids are positions in the class list."""
        return cvataa.DetectionFunctionSpec(
            labels=[
                cvataa.label_spec(name, index, type="mask") for index, name in self._classes.items()
            ]
        )

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: Image.Image
    ) -> list[LabeledShapeRequest]:
        """Return the shapes of a frame.

        Raises:
            DataError: the network cannot read such an image; the message names the frame.
        """
        raster = self._raster(image, context.frame_name)
        label_HW, probabilities_KHW = self._predict(raster)
        labels = self._model.labels
        traced = trace_classes(
            label_HW,
            labels,
            tolerance_px=self._config.simplify_tolerance_px if context.conv_mask_to_poly else 0,
            min_area_px=self._config.min_area_px,
        )
        scored = [
            (region, confidence(region, probabilities_KHW, labels))
            for region in traced.regions
            if region.class_index in self._classes
        ]
        scored = [each for each in scored if each[1] >= (context.conf_threshold or 0)]
        if context.conv_mask_to_poly:
            return [polygon for each in scored for polygon in _polygons(*each)]
        if self._per_class:
            return list(_class_masks(scored, (raster.width, raster.height)))
        return [_mask(region, score) for region, score in scored]

    def _raster(self, image: Image.Image, frame_name: str) -> ArrayRaster:
        """Return the values of a frame, upright as CVAT shows it."""
        decoding = self._model.decoding
        try:
            image_HWC = as_array(ImageOps.exif_transpose(image), decoding)
            return ArrayRaster.of(image_HWC, decoding)
        except ValueError as error:  # DataError is one
            raise DataError(f"frame {frame_name}: {error}", fault="image_kind") from error

    def _predict(self, raster: ArrayRaster) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the label map, and the probabilities as float16, which take half the memory."""
        blocks = self._inference.iter_row_blocks(self._model, raster, probabilities=True)
        labels, probabilities = [], []
        for block in blocks:
            assert block.probabilities_KHW is not None
            labels.append(block.label_HW)
            probabilities.append(block.probabilities_KHW.astype(np.float16))
        return np.concatenate(labels), np.concatenate(probabilities, axis=1)


def _mask(region: Region, score: float) -> LabeledShapeRequest:
    """Return a region as a mask; CVAT has its runs, and the box that they lie in."""
    left, top, mask_HW = region.mask()
    *runs, x1, y1, x2, y2 = encode_mask(mask_HW)
    points = [*runs, x1 + left, y1 + top, x2 + left, y2 + top]
    return cvataa.mask(region.class_index, points, score=score)


def _class_masks(
    scored: list[tuple[Region, float]], size: tuple[int, int]
) -> Iterator[LabeledShapeRequest]:
    """Yield a mask for each class that occurs, with the mean score of its pixels."""
    for index in dict.fromkeys(region.class_index for region, _ in scored):
        of_class = [each for each in scored if each[0].class_index == index]
        mask_HW = np.zeros(size[::-1], np.bool_)
        for region, _ in of_class:
            left, top, part_HW = region.mask()
            mask_HW[top : top + part_HW.shape[0], left : left + part_HW.shape[1]] |= part_HW
        areas, scores = zip(*((region.area, score) for region, score in of_class), strict=True)
        score = float(np.average(scores, weights=areas))
        yield cvataa.mask(index, encode_mask(mask_HW), score=score)


def _polygons(region: Region, score: float) -> Iterator[LabeledShapeRequest]:
    """Yield a region as polygons, which have no holes in CVAT."""
    for part in without_holes(region):
        points = [value for corner in part.shell for value in corner]
        yield cvataa.polygon(part.class_index, points, score=score)


create = CvatFunction
