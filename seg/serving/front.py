"""What stands before the application: loading, draining, clients that go away."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_CLOSE = (b"connection", b"close")
_LIVE = {"/healthz": {"alive": True}, "/v2/health/live": {"live": True}}


class Front:
    """ASGI application that is there before the one that it stands for.

    Attributes:
        app: the application; None: it is loading.
        is_draining: whether requests are refused, as the process ends.
    """

    def __init__(self) -> None:
        self.app: App | None = None
        self.is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        if self.app is None or self.is_draining:
            await self._refuse(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            if self.is_draining and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _CLOSE]
            await send(message)

        await _until_client_leaves(self.app, scope, receive, send_last)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in _LIVE:
            answer = JSONResponse(_LIVE[scope["path"]])
        else:
            state = "the server ends" if self.is_draining else "the network is loading"
            headers = {"Retry-After": "1", "Connection": "close"}
            answer = JSONResponse({"error": f"{state}; ask again"}, 503, headers)
        await answer(scope, receive, send)


async def _until_client_leaves(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application, and cancel it when the client has closed the connection.

    What it waits for, such as a place in a queue, is then free for others.
    """
    messages: asyncio.Queue[Message] = asyncio.Queue(1)  # the body is read as it is asked for
    is_answered = False

    async def take() -> Message:
        return await messages.get()

    async def give(message: Message) -> None:
        nonlocal is_answered
        ends = message["type"] == "http.response.body" and not message.get("more_body", False)
        is_answered = is_answered or ends
        await send(message)

    async def pass_on() -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                if not is_answered:
                    answering.cancel()
                return
            await messages.put(message)

    answering = asyncio.ensure_future(app(scope, take, give))
    passing = asyncio.ensure_future(pass_on())
    try:
        await asyncio.wait([answering])
    finally:
        passing.cancel()
        answering.cancel()
    if not answering.cancelled():
        await answering
