"""The API: `POST /v1/predict` and `GET /v1/model`."""

from io import BytesIO
from typing import Annotated, Any

from fastapi import APIRouter, File, Response, UploadFile

from seg.config.serve import ServeConfig
from seg.inference.image_source import ArrayRaster
from seg.serving.service import Segmentation, Services
from seg.visualization.grids import label_image


def router(services: Services, _: ServeConfig) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1")

    @routes.post("/predict")
    async def predict(image: Annotated[UploadFile, File()], model: str | None = None) -> Response:
        service = services.find(model)

        def encode(_: ArrayRaster, segmentation: Segmentation) -> bytes:
            png = BytesIO()
            label_image(segmentation.label_HW, service.model.labels).save(
                png, "PNG", compress_type=3
            )
            return png.getvalue()

        content = await service.run(await image.read(), encode)
        return Response(content, media_type="image/png")

    @routes.get("/model")
    async def card(model: str | None = None) -> dict[str, Any]:
        return services.find(model).card

    return routes
