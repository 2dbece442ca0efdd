"""The outputs of `/v1/predict`: each makes the content of an answer of a segmentation."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from seg.data.code_masks import output_masks
from seg.data.label_space import LabelSpace
from seg.data.label_values import LabelValues, label_values
from seg.errors import ConfigError
from seg.inference.image_model import ImageModel
from seg.inference.image_source import ArrayRaster
from seg.io.json_file import compact_json
from seg.prediction.polygon_format import check_library
from seg.prediction.regions import drawn_classes, trace_classes
from seg.prediction.rle import class_runs
from seg.prediction.writers.coco import annotation_of, categories_of, run_annotations
from seg.prediction.writers.labelme import document_of
from seg.prediction.writers.labels import value_image
from seg.serving.png import png
from seg.serving.service import Segmentation
from seg.serving.view import class_areas, view_of
from seg.visualization.composite import as_rgb
from seg.visualization.grids import label_image, overlay

PNG, JSON, NPZ = "image/png", "application/json", "application/x-npz"


class PredictQuery(BaseModel):
    """The parameters of `/v1/predict`; defaults are those of `seg.predict`."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, description="Name of the network; by default the first one.")
    output: Literal["png", "rle", "probabilities", "coco", "labelme", "overlay", "view"] = Field(
        "png", description="What is answered."
    )
    overlay_opacity: Annotated[float, Field(ge=0, le=1)] = 0.6
    coco_segmentation: Literal["rle", "polygons"] = "rle"
    simplify_tolerance_px: Annotated[float, Field(ge=0, le=1000)] = 2.0
    min_area_px: Annotated[int, Field(ge=0)] = 16


@dataclass(frozen=True)
class Job:
    """What an output is made of.

    Attributes:
        model: the network.
        values: the numbers of its classes in files.
        query: the parameters.
        file_name: of the uploaded image.
        raster: the image.
        segmentation: its segmentation.
    """

    model: ImageModel
    values: LabelValues
    query: PredictQuery
    file_name: str
    raster: ArrayRaster
    segmentation: Segmentation

    @property
    def label_HW(self) -> NDArray[Any]:
        """Return the label map."""
        return self.segmentation.label_HW

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height, px."""
        return self.raster.width, self.raster.height


@dataclass(frozen=True)
class Output:
    """A kind of answer.

    Attributes:
        media_type: of the content.
        make: makes it; a dict becomes JSON.
        wants_probabilities: whether the network has to compute them.
    """

    media_type: str
    make: Callable[[Job], bytes | dict[str, Any]]
    wants_probabilities: bool = False

    def content(self, job: Job) -> bytes:
        """Return the content of the answer."""
        made = self.make(job)
        return made if isinstance(made, bytes) else compact_json(made)


def file_values(model: ImageModel) -> LabelValues:
    """Return the numbers that `seg.predict` writes; positions where the checkpoint knows no ids."""
    try:
        return label_values(model.labels, "index" if model.labels.mode == "multi_label" else "id")
    except ConfigError:
        return label_values(model.labels, "index")


def check_query(query: PredictQuery, model: ImageModel) -> None:
    """Check that the network computes what an output needs, and that its library is installed.

    Raises:
        ConfigError: it does not, or it is not.
    """
    if OUTPUTS[query.output].wants_probabilities and model.labels_alone:
        raise ConfigError(
            f"output={query.output}: this network is an export that computes labels alone"
            " (output_kind=labels)\n  ask for another output, such as output=png"
        )
    if query.output == "labelme" or (query.output, query.coco_segmentation) == ("coco", "polygons"):
        check_library(query.output)


def label_png(label_HW: NDArray[Any], labels: LabelSpace, values: LabelValues) -> bytes:
    """Return the file of a label map that `seg.predict` writes."""
    if labels.mode == "multi_label":  # codes: sets of classes
        return png(label_image(label_HW, labels))
    return png(value_image(values.written(label_HW), values))


def _png(job: Job) -> bytes:
    return label_png(job.label_HW, job.model.labels, job.values)


def _rle(job: Job) -> dict[str, Any]:
    """Return areas, the number in label files and run lengths, as pycocotools has them."""
    labels, classes = job.model.labels, class_areas(job.label_HW, job.model.labels)
    values = job.values.classes
    if labels.mode == "multi_label":  # label maps hold sets of classes: the sums of these
        values = tuple(2**bit for bit in range(labels.num_classes))
    for each, value in zip(classes, values, strict=True):
        each |= {"value": value, "rle": None}
    if labels.mode == "multi_label":
        for each, mask_HW in zip(classes, output_masks(job.label_HW, labels), strict=True):
            for runs in class_runs((~mask_HW).astype(np.uint8), num_classes=1):
                each["rle"] = runs.encoded()
    else:
        for runs in class_runs(job.label_HW, num_classes=labels.num_classes):
            classes[runs.class_id]["rle"] = runs.encoded()
    return {"width": job.size[0], "height": job.size[1], "classes": classes}


def _probabilities(job: Job) -> bytes:
    """Return `probabilities_HWK`, float16, `classes` and `values`, as `seg.predict` writes them."""
    assert job.segmentation.probabilities_KHW is not None
    labels, values = job.model.labels, job.values.classes
    if labels.outputs is not None:
        values = tuple(values[train_id] for train_id in labels.outputs.stands_for)
    stream = BytesIO()
    np.savez(
        stream,
        probabilities_HWK=job.segmentation.probabilities_KHW.transpose(1, 2, 0).astype("<f2"),
        classes=np.array(labels.output_names),
        values=np.array(values),
    )
    return stream.getvalue()


def _coco(job: Job) -> dict[str, Any]:
    width, height = job.size
    if job.query.coco_segmentation == "polygons":
        regions = _regions(job)
        annotations = [annotation_of(each, job.values, (height, width)) for each in regions]
    else:
        annotations = run_annotations(job.label_HW, job.values)
    return {
        "categories": categories_of(job.values),
        "images": [{"id": 1, "file_name": job.file_name, "width": width, "height": height}],
        "annotations": [
            {"id": number, "image_id": 1, **each} for number, each in enumerate(annotations, 1)
        ],
    }


def _labelme(job: Job) -> dict[str, Any]:
    classes = drawn_classes(job.model.labels.names)
    regions = [each for each in _regions(job) if each.class_index in classes]
    as_masks = job.query.simplify_tolerance_px == 0
    return document_of(job.file_name, job.size, regions, classes, as_masks=as_masks)


def _regions(job: Job) -> list[Any]:
    query = job.query
    return trace_classes(
        job.label_HW,
        job.model.labels,
        tolerance_px=query.simplify_tolerance_px,
        min_area_px=query.min_area_px,
    ).regions


def _overlay(job: Job) -> bytes:
    image_HW3 = as_rgb(job.raster.image_HWC, job.model.decoding.composite)
    return png(overlay(image_HW3, job.label_HW, job.model.labels, job.query.overlay_opacity))


def _view(job: Job) -> dict[str, Any]:
    return view_of(job.segmentation, job.model.labels)


OUTPUTS = {
    "png": Output(PNG, _png),
    "rle": Output(JSON, _rle),
    "probabilities": Output(NPZ, _probabilities, wants_probabilities=True),
    "coco": Output(JSON, _coco),
    "labelme": Output(JSON, _labelme),
    "overlay": Output(PNG, _overlay),
    "view": Output(JSON, _view),
}
