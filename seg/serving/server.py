"""The process that serves: from a configuration to SIGTERM."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import ceil
from types import FrameType

from seg.config.serve import ServeConfig
from seg.cpu import limit_malloc_arenas
from seg.errors import ConfigError
from seg.io.terminal import say

try:
    import uvicorn

    from seg.serving.access import find_token
    from seg.serving.front import Front
except ImportError as missing:
    raise ConfigError(
        f"seg.serve: needs the extra `serve`: pip install 'seg-xception[serve]' ({missing.name})"
    ) from None

log = logging.getLogger(__name__)
_BACKLOG = 2048
# Longer than balancers keep theirs (60 s): a connection that this side closes may lose a request.
_KEEP_ALIVE_S = 75
# After the signal: connections that are made or answered meanwhile are told that they close.
_LAME_S = 0.5
_LEFT_OVER_S = 5.0


def serve(config: ServeConfig) -> None:
    """Serve until SIGTERM or Ctrl-C; what was accepted is finished, a second signal ends at once.

    The port answers from the start: `/healthz` 200, all else 503 until the networks are warm.

    Raises:
        ConfigError: the extra `serve` is not installed, or the port is in use.
        DataError: a checkpoint cannot be opened.
    """
    find_token(config)  # before the network is loaded
    limit_malloc_arenas()  # before there are threads
    front = Front()
    with _listen(config) as listener:
        server = Server(front, timeout_s=config.timeout_s)
        loading = _Loading(config, front, listener.getsockname()[1], on_failure=server.stop)
        loading.start()
        server.run(sockets=[listener])
    loading.finish()


class _Loading(threading.Thread):
    """Opens the networks while the server answers already.

    Args:
        config: of the command.
        front: gets the application.
        port: for the message.
        on_failure: called if a network cannot be opened.
    """

    def __init__(
        self, config: ServeConfig, front: Front, port: int, on_failure: Callable[[], None]
    ) -> None:
        super().__init__(name="seg-loading", daemon=True)
        self._config, self._front, self._port = config, front, port
        self._on_failure = on_failure
        self._failure: BaseException | None = None
        self._close: Callable[[float], bool] = lambda _: True

    def run(self) -> None:
        """Open the networks."""
        try:
            from seg.serving.app import build_app
            from seg.serving.opening import open_services

            services = open_services(self._config)
            self._close = services.default.close
            self._front.app = build_app(services, self._config)
            say(f"ready: http://{self._config.host}:{self._port}")
            sys.stdout.flush()
        except BaseException as error:  # whatever it is, the command ends with it
            self._failure = error
            self._on_failure()

    def finish(self) -> None:
        """End the workers once the server has ended; raise what failed."""
        if self._failure is not None:
            raise self._failure
        if self.is_alive():  # in the middle of a library's import, say
            _exit_at_once(0)
        # At its end the interpreter looks through all objects of all libraries: 2 s of processor
        # time, and much more on a busy machine. What is frozen it leaves to the system.
        gc.freeze()
        if not self._close(_LEFT_OVER_S):
            log.error("images that took longer than timeout_s are given up")
            _exit_at_once(1)


class Server(uvicorn.Server):
    """uvicorn's server with an end that loses nothing, and exit code 0.

    Args:
        front: the application.
        timeout_s: for what was accepted, after the signal.
    """

    def __init__(self, front: Front, *, timeout_s: float) -> None:
        super().__init__(
            uvicorn.Config(
                front,
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=ceil(timeout_s),
                backlog=_BACKLOG,
            )
        )
        self._front = front
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals meanwhile; uvicorn's own would raise them again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second signal ends at once."""
        del frame
        if self._front.is_draining:
            os._exit(128 + sig)
        self.stop()

    def stop(self) -> None:
        """Finish what was accepted, then end; from any thread."""
        self._front.is_draining = True
        if self._loop is None:
            self.should_exit = True
        else:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._begin_to_end)

    def _begin_to_end(self) -> None:
        self._ending = asyncio.ensure_future(self._end())

    async def _end(self) -> None:
        await asyncio.sleep(_LAME_S / 2)  # the kernel may have connections that wait for us
        for each in self.servers:
            each.close()
        await asyncio.sleep(_LAME_S / 2)
        self.should_exit = True


def _exit_at_once(code: int) -> None:
    """End the process although threads work."""
    for each in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            each.flush()
    os._exit(code)


def _listen(config: ServeConfig) -> socket.socket:
    """Take the port before the network is loaded."""
    try:
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        listener = socket.create_server((config.host, config.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"host={config.host} port={config.port}: {error.strerror or error}\n"
            "  give another port, or port=0 for any that is free"
        ) from None
    return listener
