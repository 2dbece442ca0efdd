"""The application: routers, answers to errors, guards."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from seg.config.serve import ServeConfig
from seg.errors import DataError, UserError
from seg.serving.routes import label_studio, page, v1
from seg.serving.service import ExpiredError, OverloadError, Services, UnknownModelError

ROUTERS = (v1.router, page.router, label_studio.router)
_STATUS: dict[type[UserError], HTTPStatus] = {
    DataError: HTTPStatus.BAD_REQUEST,
    UnknownModelError: HTTPStatus.NOT_FOUND,
    OverloadError: HTTPStatus.TOO_MANY_REQUESTS,
    ExpiredError: HTTPStatus.GATEWAY_TIMEOUT,
}


def build_app(services: Services, config: ServeConfig) -> FastAPI:
    """Return the application over opened services."""
    app = FastAPI(title="seg", docs_url=None, redoc_url=None)
    for each in ROUTERS:
        app.include_router(each(services, config))

    @app.exception_handler(UserError)
    async def answer(_: Request, error: UserError) -> JSONResponse:
        status = _STATUS.get(type(error), HTTPStatus.BAD_REQUEST)
        headers = {}
        if isinstance(error, OverloadError):
            headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
        return JSONResponse({"error": str(error)}, status, headers)

    return app
