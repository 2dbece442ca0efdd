"""`GET /metrics`: numbers for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from seg.config.serve import ServeConfig
from seg.serving.service import Services


def router(_: Services, __: ServeConfig) -> APIRouter:
    """Return the route."""
    routes = APIRouter()

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Return requests, stages, queue and process, in Prometheus' text format."""
        content = generate_latest(request.app.state.metrics.registry)
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    return routes
