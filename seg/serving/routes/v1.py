"""The API: `POST /v1/predict` and `GET /v1/model`."""

from collections.abc import Callable
from time import perf_counter
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Response, UploadFile
from numpy.typing import NDArray

from seg.config.serve import ServeConfig
from seg.data.label_values import LabelValues, label_values
from seg.errors import ConfigError
from seg.inference.image_source import ArrayRaster
from seg.io.json_file import compact_json
from seg.prediction.writers.labels import value_image
from seg.serving.png import png
from seg.serving.service import Segmentation, Service, Services
from seg.serving.view import view_of
from seg.visualization.grids import label_image

Encode = Callable[[ArrayRaster, Segmentation], bytes]


def router(services: Services, _: ServeConfig) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1")

    @routes.post("/predict")
    async def predict(
        image: Annotated[UploadFile, File()],
        model: str | None = None,
        output: Literal["png", "view"] = "png",
    ) -> Response:
        started = perf_counter()
        service = services.find(model)
        content = await image.read()
        if output == "png":
            return Response(await service.run(content, _png(service)), media_type="image/png")
        return Response(
            await service.run(
                content, _view(service, started), probabilities=not service.model.labels_alone
            ),
            media_type="application/json",
        )

    @routes.get("/model")
    async def card(model: str | None = None) -> dict[str, Any]:
        return services.find(model).card

    return routes


def _png(service: Service) -> Encode:
    labels, values = service.model.labels, _values(service)

    def encode(_: ArrayRaster, segmentation: Segmentation) -> bytes:
        if labels.mode == "multi_label":  # codes: sets of classes
            return png(label_image(segmentation.label_HW, labels))
        value_HW: NDArray[Any] = values.written(segmentation.label_HW)
        return png(value_image(value_HW, values))

    return encode


def _view(service: Service, started: float) -> Encode:
    def encode(_: ArrayRaster, segmentation: Segmentation) -> bytes:
        view = view_of(segmentation, service.model.labels)
        time_ms = round((perf_counter() - started) * 1e3, 1)
        return compact_json({"model": service.name, **view, "time_ms": time_ms})

    return encode


def _values(service: Service) -> LabelValues:
    """Return the numbers that `seg.predict` writes; positions where the dataset has none."""
    labels = service.model.labels
    try:
        return label_values(labels, "index" if labels.mode == "multi_label" else "id")
    except ConfigError:  # the checkpoint knows no ids
        return label_values(labels, "index")
