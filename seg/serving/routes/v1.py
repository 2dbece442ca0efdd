"""The API: `POST /v1/predict` and `GET /v1/model`."""

from functools import partial
from time import perf_counter
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from seg.config.serve import ServeConfig
from seg.data.label_values import LabelValues
from seg.inference.image_source import ArrayRaster
from seg.io.json_file import compact_json
from seg.serving.bodies import FIELD, read_upload
from seg.serving.outputs import (
    JSON,
    NPZ,
    OUTPUTS,
    PNG,
    Job,
    PredictQuery,
    check_query,
    file_values,
)
from seg.serving.service import Segmentation, Service, Services

_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": [FIELD], "properties": {FIELD: _FILE}}
            },
            "image/*": {"schema": _FILE},
        },
    }
}
_ERROR = {
    "content": {
        JSON: {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"type": "string"}},
            }
        }
    }
}
_ERRORS = {
    400: "The image or the form is damaged.",
    401: "The token is missing or wrong.",
    404: "No network has this name.",
    408: "The body arrived too slowly.",
    413: "Too many bytes or pixels.",
    415: "The image is of a format that is not allowed.",
    422: "A parameter is wrong, or the field of the form is missing.",
    429: "The queue is full: ask again after Retry-After seconds.",
    503: "The server ends.",
    504: "The image waited too long.",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The segmentation, by `output`.",
        "content": {
            PNG: {"schema": _FILE},
            JSON: {"schema": {"type": "object"}},
            NPZ: {"schema": _FILE},
        },
        "headers": {
            "X-Seg-Model": {"schema": {"type": "string"}, "description": "name of the network"},
            "X-Seg-Size": {"schema": {"type": "string"}, "description": "width x height, px"},
            "Server-Timing": {"schema": {"type": "string"}, "description": "total;dur=ms"},
        },
    },
    **{status: {"description": text, **_ERROR} for status, text in _ERRORS.items()},
}


def router(services: Services, _: ServeConfig) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1")
    values = {each.name: file_values(each.model) for each in services.all}

    @routes.post("/predict", response_class=Response, responses=_RESPONSES, openapi_extra=_BODY)
    async def predict(request: Request, query: Annotated[PredictQuery, Query()]) -> Response:
        """Segment an image: a palette PNG of class ids, or another output."""
        started = perf_counter()
        service = services.find(query.model)
        check_query(query, service.model)
        content, file_name = await read_upload(request)
        make = _Make(request, service, values[service.name], query, file_name)
        is_view = query.output == "view"
        probabilities = OUTPUTS[query.output].wants_probabilities or (
            is_view and not service.model.labels_alone
        )
        made = await service.run(content, make, probabilities=probabilities, may_omit=is_view)
        return make.answer(made, started)

    @routes.get("/model", responses={404: {"description": _ERRORS[404], **_ERROR}})
    async def card(model: str | None = None) -> dict[str, Any]:
        """Return the card of a network: classes, colors, engine."""
        return services.find(model).card

    return routes


class _Make:
    """Makes an answer in the worker thread that segmented the image."""

    def __init__(
        self,
        request: Request,
        service: Service,
        values: LabelValues,
        query: PredictQuery,
        file_name: str,
    ) -> None:
        self._name, self._output = service.name, OUTPUTS[query.output]
        self._is_view = query.output == "view"
        self._job = partial(Job, service.model, values, query, file_name)
        self._seconds = request.app.state.metrics.stage_s.labels(service.name, "encode")

    def __call__(
        self, raster: ArrayRaster, segmentation: Segmentation
    ) -> tuple[bytes | dict[str, Any], tuple[int, int]]:
        """Return the content, and width and height of the image."""
        with self._seconds.time():
            job = self._job(raster, segmentation)
            return self._output.make(job) if self._is_view else self._output.content(job), job.size

    def answer(
        self, made: tuple[bytes | dict[str, Any], tuple[int, int]], started: float
    ) -> Response:
        """Return the answer with its headers; a view says the time itself."""
        content, (width, height) = made
        time_ms = round((perf_counter() - started) * 1e3, 1)
        if isinstance(content, dict):
            content = compact_json({"model": self._name, **content, "time_ms": time_ms})
        headers = {
            "X-Seg-Model": quote(self._name),
            "X-Seg-Size": f"{width}x{height}",
            "Server-Timing": f"total;dur={time_ms}",
        }
        return Response(content, media_type=self._output.media_type, headers=headers)
