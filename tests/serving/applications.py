"""The application without a socket: fast to make with other settings."""

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from seg.config.serve import ServeConfig
from tests.composition import composed


def config_of(checkpoint: Path, **settings: Any) -> ServeConfig:
    """Return the configuration that `seg.serve checkpoint=... SETTING=...` has."""
    plain = composed("serve", f"checkpoint={checkpoint}")
    return ServeConfig.model_validate({**plain, **settings})


@cache
def services_of(checkpoint: Path) -> Any:
    """Return the opened services of a checkpoint; tests share them."""
    from seg.serving.opening import open_services  # the guards alone need no networks

    return open_services(config_of(checkpoint))


def app_of(checkpoint: Path, **settings: Any) -> Any:
    """Return the application with other settings."""
    from seg.serving.app import build_app

    return build_app(services_of(checkpoint), config_of(checkpoint, **settings))


def ask(
    app: Any,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    host: str = "localhost:8000",
    **body: Any,
) -> httpx.Response:
    """Send a request; errors of the server are answers as they are to clients."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.request(method, path, headers=headers, **body)

    return asyncio.run(send())
