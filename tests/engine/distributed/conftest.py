"""A port for processes that meet."""

import socket

import pytest


@pytest.fixture(scope="module")
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
