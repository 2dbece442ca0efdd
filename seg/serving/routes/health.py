"""`GET /healthz` and `/readyz`: for balancers."""

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from seg.config.serve import ServeConfig
from seg.serving.service import Services


def router(services: Services, _: ServeConfig) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.get("/healthz")
    async def healthz() -> JSONResponse:
        """Answer, as the process lives."""
        return JSONResponse({"alive": True})

    @routes.get("/readyz", responses={503: {"description": "A network is not warm yet."}})
    async def readyz() -> JSONResponse:
        """Return whether all networks are warm: then a request takes its usual time."""
        ready = all(each.ready for each in services.all)
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ready": ready}, status)

    return routes
