"""The process that serves: from a configuration to SIGTERM."""

import socket

from seg.config.serve import ServeConfig
from seg.errors import ConfigError
from seg.io.terminal import say


def serve(config: ServeConfig) -> None:
    """Serve until SIGTERM or Ctrl-C; what was accepted is finished.

    Raises:
        ConfigError: the extra `serve` is not installed, or the port is in use.
        DataError: a checkpoint cannot be opened.
    """
    try:
        import uvicorn

        from seg.serving.app import build_app
    except ImportError as error:
        raise ConfigError(
            f"seg.serve: needs the extra `serve`: pip install 'seg-xception[serve]' ({error.name})"
        ) from None
    from seg.serving.opening import open_services

    with _listen(config) as listener:
        services = open_services(config)
        app = build_app(services, config)
        port = listener.getsockname()[1]
        say(f"ready: http://{config.host}:{port}")
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        server.run(sockets=[listener])
        for each in services.all:
            each.close()


def _listen(config: ServeConfig) -> socket.socket:
    """Take the port before the network is loaded."""
    try:
        listener = socket.create_server((config.host, config.port), backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"host={config.host} port={config.port}: {error.strerror or error}\n"
            "  give another port, or port=0 for any that is free"
        ) from None
    return listener
