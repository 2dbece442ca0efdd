"""The protocol of Label Studio's ML backends, of label-studio-ml 2.x: `/health`, `/setup` ..."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from seg.config.serve import ServeConfig
from seg.errors import ConfigError
from seg.io.json_file import compact_json, parse_json
from seg.io.source import Source, checked
from seg.prediction.polygons import INSTALL, has_polygons
from seg.serving.bodies import read_body
from seg.serving.label_studio_config import LabelingConfig, read_config
from seg.serving.label_studio_images import TaskImages
from seg.serving.label_studio_tasks import TaskPredictor, Tracing
from seg.serving.service import Service, Services

_HASH_DIGITS = 8
_NO_TRAINING = (
    "this server does not train\n  export the project as JSON, and go on with"
    " python -m seg.train dataset=label_studio dataset.root=DIR weights=RUN"
)


class _Setup(BaseModel):
    """What Label Studio sends of a project that it connects; the rest is not used."""

    model_config = ConfigDict(extra="ignore")
    label_config: str = Field(alias="schema")


class _Predict(BaseModel):
    """What it sends for tasks; the rest is not used."""

    model_config = ConfigDict(extra="ignore")
    tasks: list[dict[str, Any]]
    label_config: str


class _Event(BaseModel):
    """What happened in a project."""

    model_config = ConfigDict(extra="ignore")
    action: str


def router(services: Services, config: ServeConfig) -> APIRouter:
    """Return the routes. They keep nothing: each request holds the project's configuration.

    The address and the token that `/setup` brings are not used: others might send them.
    """
    service = services.default
    version = model_version(service)
    predictor = _predictor(service, config)
    routes = APIRouter(tags=["Label Studio"])

    @routes.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "UP", "model_class": service.name}

    @routes.get("/versions")
    async def versions() -> dict[str, list[str]]:
        return {"versions": [version]}

    @routes.post("/setup")
    async def setup(request: Request) -> dict[str, Any]:
        asked = checked(_Setup, *await _body(request, config))
        drawn = _read(asked.label_config, service)
        return {"model_version": version, "labels": drawn.labels, "left_out": drawn.left_out}

    @routes.post("/predict")
    async def predict(request: Request) -> Response:
        asked = checked(_Predict, *await _body(request, config))
        drawn = _read(asked.label_config, service)
        results = await predictor.predict(asked.tasks, drawn)
        answer = {"results": results, "model_version": version, "left_out": drawn.left_out}
        content = await asyncio.to_thread(compact_json, answer)
        return Response(content, media_type="application/json")

    @routes.post("/webhook")
    async def webhook(request: Request) -> dict[str, str]:
        asked = checked(_Event, *await _body(request, config))
        if asked.action == "START_TRAINING":
            raise ConfigError(_NO_TRAINING)
        return {"status": "ignored"}

    return routes


def _predictor(service: Service, config: ServeConfig) -> TaskPredictor:
    options = config.label_studio
    images = TaskImages(options, max_bytes=config.max_bytes, timeout_s=config.timeout_s)
    tracing = Tracing(options.simplify_tolerance_px, options.min_area_px)
    return TaskPredictor(service, images, tracing, model_version(service))


def model_version(service: Service) -> str:
    """Return the name of a network in predictions: another checkpoint has another one."""
    return f"{service.name}-{service.card['checkpoint']['sha256'][:_HASH_DIGITS]}"


async def _body(request: Request, config: ServeConfig) -> tuple[Any, Source]:
    """Return the JSON of a request, and how messages call it."""
    source = Source(f"POST {request.url.path}", "body", "send JSON", config.max_bytes)
    return parse_json(await read_body(request), source), source


def _read(label_config: str, service: Service) -> LabelingConfig:
    """Read the configuration of a project.

    Raises:
        DataError: see `read_config`.
        ConfigError: a library is missing.
    """
    if not has_polygons():
        raise ConfigError(f"Label Studio needs the extra `polygons` here: {INSTALL}")
    return read_config(label_config, service.model.labels.names)
