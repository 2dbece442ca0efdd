"""The page: `GET /`, its files below `/page/`, and the networks that it may ask."""

import hashlib
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from seg.config.serve import ServeConfig
from seg.serving.service import Services

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class _File:
    """A file of the page, in memory.

    Args:
        name: its ending decides the type.
        content: what browsers keep, as long as its hash is the same.
    """

    def __init__(self, name: str, content: bytes) -> None:
        self._type = _TYPES[name[name.rindex(".") :]]
        self._content = content
        self._etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'

    def answer(self, request: Request) -> Response:
        """Return the file, or that the browser has it."""
        headers = {"ETag": self._etag, "Cache-Control": "no-cache"}  # kept, but asked about
        has_it = self._etag in request.headers.get("if-none-match", "")
        if has_it:
            return Response(status_code=304, headers=headers)
        return Response(self._content, media_type=self._type, headers=headers)


def router(services: Services, _: ServeConfig) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()
    page = {
        each.name: _File(each.name, each.read_bytes())
        for each in (files("seg.serving") / "page").iterdir()
        if each.is_file()
    }

    @routes.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return page["index.html"].answer(request)

    @routes.get("/page/{name}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        if name not in page:
            raise HTTPException(404, f"the page has no file {name!r}")
        return page[name].answer(request)

    @routes.get("/v1/models")
    async def cards() -> list[dict[str, Any]]:
        return [each.card for each in services.all]

    return routes
