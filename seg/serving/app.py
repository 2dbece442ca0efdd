"""The application: routers, answers to errors, guards."""

from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

import seg
from seg.config.options import nearest
from seg.config.serve import ServeConfig
from seg.errors import ConfigError, DataError, UserError
from seg.serving.access import find_token
from seg.serving.guards import REFUSAL, Guard, retry_after
from seg.serving.refusals import RefusedError
from seg.serving.request_metrics import RequestMetrics
from seg.serving.routes import health, label_studio, metrics, open_inference, page, v1
from seg.serving.service import ExpiredError, OverloadError, Services, UnknownModelError
from seg.serving.uploads import FORMAT_FAULT

ROUTERS = (
    v1.router,
    open_inference.router,
    page.router,
    label_studio.router,
    health.router,
    metrics.router,
)
_STATUS: dict[type[UserError], HTTPStatus] = {
    DataError: HTTPStatus.BAD_REQUEST,
    ConfigError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownModelError: HTTPStatus.NOT_FOUND,
    OverloadError: HTTPStatus.TOO_MANY_REQUESTS,
    ExpiredError: HTTPStatus.GATEWAY_TIMEOUT,
}
_STATUS_OF_FAULT = {
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    FORMAT_FAULT: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "not_a_picture": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}


def build_app(services: Services, config: ServeConfig) -> FastAPI:
    """Return the application over opened services."""
    # The usual pages of its documents load scripts from other machines.
    app = FastAPI(title="seg", version=seg.__version__, docs_url=None, redoc_url=None)
    app.state.metrics = RequestMetrics()
    app.state.metrics.follow(services)
    app.add_middleware(Guard, config=config, metrics=app.state.metrics)
    # Documents the token; the guard checks it.
    bearer = [] if find_token(config) is None else [Depends(HTTPBearer(auto_error=False))]
    for each in ROUTERS:
        dependencies = [] if each is health.router else bearer
        app.include_router(each(services, config), dependencies=dependencies)
    app.add_exception_handler(UserError, _answer_user_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_wrong_request)
    return app


async def _answer_user_error(request: Request, error: Exception) -> JSONResponse:
    headers: dict[str, str] = {}
    status = _STATUS.get(type(error), HTTPStatus.BAD_REQUEST)  # type: ignore[arg-type]
    if isinstance(error, RefusedError):
        status, headers = error.status, error.headers
    elif isinstance(error, DataError):
        status = _STATUS_OF_FAULT.get(error.fault, status)
        request.scope[REFUSAL] = f"image_{error.fault}"
    elif isinstance(error, OverloadError):
        headers = retry_after(error.retry_after_s)
        request.scope[REFUSAL] = "queue_full"
    # Names in JSON may hold halves of surrogate pairs, which no answer can.
    text = str(error).encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"error": text}, status, headers)


async def _answer_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _answer_wrong_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    texts = [_text(fault, _parameters(request)) for fault in error.errors()[:3]]
    return JSONResponse({"error": "\n".join(texts)}, HTTPStatus.UNPROCESSABLE_ENTITY)


def _parameters(request: Request) -> list[str]:
    """Return the names of the query of the route that was asked."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    fields = [] if dependant is None else dependant.query_params
    model = fields[0].field_info.annotation if len(fields) == 1 else None
    return list(getattr(model, "model_fields", [each.alias for each in fields]))


def _text(fault: dict[str, Any], allowed: list[str]) -> str:
    """Return what is wrong with a parameter."""
    name = str(fault["loc"][-1])
    if fault["type"] == "extra_forbidden":
        return f"{name}: no such parameter; allowed: {', '.join(allowed)}{nearest(name, allowed)}"
    value = str(fault.get("input"))[:80]
    if fault["type"] == "literal_error":
        words = fault["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return f"{name}={value}: allowed: {', '.join(words)}{nearest(value, words)}"
    return f"{name}={value}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
