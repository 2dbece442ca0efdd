"""What stands before every route: access, limits on bodies, headers that browsers obey."""

import asyncio
import logging
import math
import secrets
from http import HTTPStatus
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seg.config.serve import ServeConfig
from seg.io.json_file import compact_json
from seg.serving.access import Access, Headers, find_token
from seg.serving.refusals import RefusedError
from seg.serving.request_metrics import RequestMetrics

log = logging.getLogger(__name__)
_REFUSED = {*range(400, 500), HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
REFUSAL = "seg.refusal"
"""Key of a request's scope: why it is refused, in a word; without it the name of the status."""
MOST_BODIES = 16
"""How many bodies of the largest size may be in memory at the same time."""
_LINGER_S, _LINGER_BYTES = 2.0, 2**26
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_SECURITY_HEADERS = [(name.lower().encode(), text.encode()) for name, text in _SECURITY.items()]
_NOT_STORED = (b"cache-control", b"no-store")


class Guard:
    """Middleware: refuses before a body is read, and while it is.

    Args:
        app: what answers.
        config: has the limits.
        metrics: counts the answers.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: RequestMetrics) -> None:
        self._app, self._metrics = app, metrics
        self._access = Access(config.host, find_token(config))
        self._max_bytes, self._upload_s = config.max_bytes, config.upload_timeout_s
        self.bytes_left = MOST_BODIES * config.max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        started, body, answer = perf_counter(), self._body(headers, receive), _Answer(send)
        try:
            with self._metrics.in_flight.track_inprogress():
                await self._answer(scope, headers, body, answer)
        finally:
            self.bytes_left += body.size
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.count(route, answer.status, perf_counter() - started, body.size)
            if answer.status in _REFUSED:
                usual = HTTPStatus(answer.status).name.lower()
                self._metrics.count_refusal(scope.get(REFUSAL, usual))

    def _body(self, headers: Headers, receive: Receive) -> "_Body":
        has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        return _Body(self, receive, self._max_bytes, self._upload_s, finished=not has_body)

    async def _answer(
        self, scope: Scope, headers: Headers, body: "_Body", answer: "_Answer"
    ) -> None:
        try:
            self._access.check(scope["method"], scope["path"], headers)
            body.check(int(headers.get(b"content-length", b"0")))

            async def send(message: Message) -> None:
                if body.error is None:  # else it is answered below
                    await answer.send(message)

            await self._app(scope, body.receive, send)
        except RefusedError as error:
            body.error = error
        except Exception as error:
            if body.error is None and answer.status:
                raise  # the answer has begun: the connection is closed
            body.error = body.error or _failure(scope, error)
        if body.error is not None and not answer.status:
            await _refuse(body.error, body, answer)


class _Body:
    """The body of a request: counted, and with a deadline.

    Attributes:
        size: bytes until now.
        error: why it is refused.
        finished: whether it has no more.
    """

    def __init__(
        self, guard: Guard, receive: Receive, max_bytes: int, upload_s: float, *, finished: bool
    ) -> None:
        self._guard, self._receive = guard, receive
        self._max_bytes, self._upload_s = max_bytes, upload_s
        self._deadline = asyncio.get_running_loop().time() + upload_s
        self.size, self.finished = 0, finished
        self.error: RefusedError | None = None

    async def receive(self) -> Message:
        """Return the next message of the server.

        Raises:
            RefusedError: the body is too large or too slow, or too many are in memory.
        """
        if self.finished:
            return await self._receive()  # waits until the client goes
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            text = f"the request has not arrived within {self._upload_s:g} s; send it faster"
            self._fail(RefusedError(HTTPStatus.REQUEST_TIMEOUT, text))
        size = len(message.get("body", b""))
        self.size += size
        self._guard.bytes_left -= size
        self.finished = not message.get("more_body", False)
        self.check(self.size)
        if self._guard.bytes_left < 0:
            text = "too many large requests at a time; ask again in 1 s"
            self._fail(RefusedError(HTTPStatus.TOO_MANY_REQUESTS, text, {"Retry-After": "1"}))
        return message

    def check(self, size: int) -> None:
        """Check a size against the limit.

        Raises:
            RefusedError: it is larger.
        """
        if size > self._max_bytes:
            self._fail(
                RefusedError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"the request has more than {self._max_bytes} bytes (max_bytes of the server);"
                    " send a smaller image",
                )
            )

    def _fail(self, error: RefusedError) -> Any:
        self.error = error
        raise error from None

    async def drain(self) -> None:
        """Throw away what the client still sends, for a while: most read no answer before."""
        try:
            async with asyncio.timeout(_LINGER_S):
                left = _LINGER_BYTES
                while left > 0 and not self.finished:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self.finished = not message.get("more_body", False)
        except TimeoutError:
            pass


class _Answer:
    """Sends an answer with the headers that all have.

    Attributes:
        status: of the answer, 0: it has not begun.
    """

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0

    async def send(self, message: Message) -> None:
        """Send a message of the application."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *_SECURITY_HEADERS]
            if all(name.lower() != _NOT_STORED[0] for name, _ in headers):
                headers.append(_NOT_STORED)
            message = {**message, "headers": headers}
        await self._send(message)


def _failure(scope: Scope, error: Exception) -> RefusedError:
    """Log what is wrong with the server; return an answer that tells clients no more than where."""
    number = secrets.token_hex(4)
    log.error("%s %r failed (%s)", scope["method"], scope["path"], number, exc_info=error)
    return RefusedError(
        HTTPStatus.INTERNAL_SERVER_ERROR, f"the server failed; its log says why at {number}"
    )


async def _refuse(error: RefusedError, body: _Body, answer: _Answer) -> None:
    """Answer, then drop the rest of the body and the connection."""
    content = compact_json({"error": str(error)})
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **error.headers,
        **({} if body.finished else {"Connection": "close"}),
    }
    encoded = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    start = {"type": "http.response.start", "status": int(error.status), "headers": encoded}
    await answer.send(start)
    more = not body.finished
    await answer.send({"type": "http.response.body", "body": content, "more_body": more})
    if more:
        await body.drain()
        await answer.send({"type": "http.response.body", "body": b""})


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header that says when to ask again."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
