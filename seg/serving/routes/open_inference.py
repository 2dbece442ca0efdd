"""The Open Inference Protocol: `/v2`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers

import seg
from seg.config.serve import ServeConfig
from seg.errors import DataError
from seg.serving.bodies import read_body
from seg.serving.guards import MOST_BODIES
from seg.serving.open_inference.answer import Values, encoder, write_answer
from seg.serving.open_inference.body import Body, accepted_compression, compress, split_body
from seg.serving.open_inference.description import PROBABILITIES, VERSION, Interface
from seg.serving.open_inference.request import InferenceRequest, Limits, read_request
from seg.serving.service import OverloadError, Service, Services, UnknownModelError

_EXTENSIONS = ["binary_tensor_data", "model_configuration", "parameters"]
_MODEL = "/v2/models/{name}"
_MODEL_VERSION = "/v2/models/{name}/versions/{version}"


def router(services: Services, config: ServeConfig) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Open Inference Protocol"])
    routes.include_router(_server_routes(services))
    models = {each.name: _Model(each, config) for each in services.all}
    bodies = _Bodies(config.max_bytes)

    def find(name: str, version: str) -> _Model:
        if version != VERSION:
            raise UnknownModelError(f"version {version!r} of {name!r}: there is {VERSION}")
        return models[services.find(name).name]

    @routes.get(_MODEL)
    @routes.get(_MODEL_VERSION)
    async def model_metadata(name: str, version: str = VERSION) -> dict[str, Any]:
        return find(name, version).interface.metadata()

    @routes.get(f"{_MODEL}/config")
    @routes.get(f"{_MODEL_VERSION}/config")
    async def model_config(name: str, version: str = VERSION) -> dict[str, Any]:
        return find(name, version).interface.config()

    @routes.get(f"{_MODEL}/ready")
    @routes.get(f"{_MODEL_VERSION}/ready")
    async def model_ready(name: str, version: str = VERSION) -> Response:
        return _readiness(find(name, version).service.ready, name=name)

    @routes.post(f"{_MODEL}/infer")
    @routes.post(f"{_MODEL_VERSION}/infer")
    async def infer(name: str, request: Request, version: str = VERSION) -> Response:
        return await find(name, version).infer(request, bodies)

    return routes


def _server_routes(services: Services) -> APIRouter:
    """Return the routes that name no network."""
    routes = APIRouter()

    @routes.get("/v2")
    @routes.get("/v2/")
    async def server_metadata() -> dict[str, Any]:
        return {"name": "seg", "version": seg.__version__, "extensions": _EXTENSIONS}

    @routes.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @routes.get("/v2/health/ready")
    async def ready() -> Response:
        return _readiness(all(each.ready for each in services.all))

    @routes.post("/v2/repository/index")
    async def index() -> list[dict[str, str]]:
        return [
            {
                "name": each.name,
                "version": VERSION,
                "state": "READY" if each.ready else "UNAVAILABLE",
                "reason": "",
            }
            for each in services.all
        ]

    return routes


def _readiness(ready: bool, **facts: str) -> Response:
    return JSONResponse({**facts, "ready": ready}, 200 if ready else 503)


class _Bodies:
    """Decompressed bodies: parsed one at a time, and bounded in all of them together.

    Args:
        max_bytes: of one.

    Attributes:
        max_bytes: see above.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._bytes_left = MOST_BODIES * max_bytes
        self._parsing = asyncio.Lock()  # JSON takes many times its size while it is parsed

    @asynccontextmanager
    async def opened(
        self, content: bytes, headers: Headers, parse: Callable[[Body], InferenceRequest]
    ) -> AsyncIterator[InferenceRequest]:
        """Decompress and parse a body, which counts as taken meanwhile.

        Raises:
            DataError, RefusedError: it is no request.
            OverloadError: too many are in memory.
        """

        def read() -> tuple[InferenceRequest, int]:
            body = split_body(content, headers, max_bytes=self.max_bytes)
            return parse(body), body.size

        async with self._parsing:
            inference, size = await asyncio.to_thread(read)
        if size > self._bytes_left:
            raise OverloadError(1.0)
        self._bytes_left -= size
        try:
            yield inference
        finally:
            self._bytes_left += size


class _Model:
    """A network in the terms of the protocol.

    Args:
        service: the network.
        config: has the limits.

    Attributes:
        service: see above.
        interface: its tensors.
    """

    def __init__(self, service: Service, config: ServeConfig) -> None:
        self.service = service
        self.interface = Interface(service.name, service.model)
        self._limits = Limits(config.max_queue, config.max_pixels)

    async def infer(self, request: Request, bodies: _Bodies) -> Response:
        """Answer a request."""
        content = await read_body(request)

        def parse(body: Body) -> InferenceRequest:
            return read_request(body, self.interface, self._limits)

        async with bodies.opened(content, request.headers, parse) as inference:
            images = await _run(self.service, inference)
        compression = accepted_compression(request.headers.get("Accept-Encoding", ""))
        return await asyncio.to_thread(_answer, inference, self.interface, images, compression)


async def _run(service: Service, inference: InferenceRequest) -> list[Values]:
    """Segment all images of a request, or none: the first error ends it."""
    encode = encoder(inference.outputs, service.model)

    async def run(index: int, image: Any) -> Values:
        try:
            return await service.run(
                image, encode, probabilities=PROBABILITIES in inference.outputs
            )
        except DataError as error:
            error.args = (f"{inference.input}[{index}]: {error}",)
            raise

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(run(index, image)) for index, image in enumerate(inference.images)
            ]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [each.result() for each in tasks]


def _answer(
    inference: InferenceRequest,
    interface: Interface,
    images: list[Values],
    compression: str | None,
) -> Response:
    content, headers = write_answer(inference, interface, images)
    if compression is not None:
        content = compress(content, compression)
        headers["Content-Encoding"] = compression
    return Response(content, headers=headers)
