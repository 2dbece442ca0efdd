"""Clients of a server: `python -m seg.benchmarks.load_generator`, its `Load` as JSON on stdin.

Each connection asks again as soon as it is answered. It costs the cores little: sockets, and
requests that are made before.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from time import perf_counter

_BOUNDARY = b"0f4e2c7d"
_PNG = b"\x89PNG\r\n"


@dataclass(frozen=True)
class Load:
    """Work of the clients.

    Attributes:
        port: of the server, on this machine.
        path: that is asked.
        files: JPEGs that are sent, in turn.
        concurrency: connections.
        requests: in all; None: as many as `seconds` allow.
        seconds: how long; None: until all requests are answered.
    """

    port: int
    path: str
    files: tuple[str, ...]
    concurrency: int
    requests: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Answered:
    """What came back.

    Attributes:
        elapsed_s: from the first request to the last answer.
        latencies_s: of each request.
    """

    elapsed_s: float
    latencies_s: tuple[float, ...]


def request_of(image: bytes, path: str) -> bytes:
    """Return a whole request: a form with the field `image`."""
    head = (
        b'Content-Disposition: form-data; name="image"; filename="image.jpg"\r\n'
        b"Content-Type: image/jpeg"
    )
    body = b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (_BOUNDARY, head, image, _BOUNDARY)
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY.decode()}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def ask(load: Load) -> Answered:
    """Send the requests; every answer has to be a PNG.

    Raises:
        RuntimeError: one is not.
    """
    requests = [request_of(Path(file).read_bytes(), load.path) for file in load.files]
    numbers, latencies_s, started_at = count(), list[float](), perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
        try:
            for number in numbers:
                asked_at = perf_counter()
                if load.requests is not None and number >= load.requests:
                    break
                if load.seconds is not None and asked_at - started_at >= load.seconds:
                    break
                writer.write(requests[number % len(requests)])
                await _read_png(reader)
                latencies_s.append(perf_counter() - asked_at)
        finally:
            writer.close()
            await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(load.concurrency)))
    return Answered(perf_counter() - started_at, tuple(latencies_s))


async def _read_png(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:-2])
    body = await reader.readexactly(int(fields[b"content-length"]))
    if not body.startswith(_PNG):
        raise RuntimeError(f"no PNG: {head.splitlines()[0].decode()}, {body[:200]!r}")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(asyncio.run(ask(Load(**json.load(sys.stdin)))))) + "\n")
