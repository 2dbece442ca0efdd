"""Servers beside one another, over a small network, and the memory of ours."""

import asyncio
import importlib.util
import json
import re

import numpy as np
import pytest
from PIL import Image

from seg.benchmarks import serving_speed
from seg.benchmarks.load_generator import Load, ask, request_of
from seg.benchmarks.serving_processes import Server, free_port
from seg.benchmarks.serving_speed import FASTAPI, LITSERVE, OURS, WITHOUT_HTTP, Served
from seg.errors import ConfigError
from tests.conftest import seg

pytest.importorskip("uvicorn", reason="needs the extra `serve`")


def test_table_has_our_rate_over_each():
    results = {
        OURS: Served((20.0, 30.0, 40.0), (0.1, 0.2, 0.3)),
        FASTAPI: Served((10.0, 10.0, 10.0), (1.0,) * 3),
    }
    text = serving_speed.table(results)
    assert f"| {OURS} | 30.0 | 33% | 1.00 | 200 | 290 |" in text
    assert f"| {FASTAPI} | 10.0 | 0% | 3.00 | 1000 | 1000 |" in text
    assert "| 2000 | 110 | 1.100 |" in serving_speed.memory_table({1000: 100.0, 2000: 110.0})


def test_images_have_as_many_sizes_as_they_are(tmp_path):
    files = serving_speed.write_sizes(tmp_path / "images", 300)
    sizes = set()
    for file in files:
        with Image.open(file) as image:
            sizes.add(image.size)
    assert len(sizes) == 300


def test_clients_send_each_image_and_refuse_other_answers(tmp_path):
    image = tmp_path / "a.jpg"
    image.write_bytes(b"some bytes")
    bodies = []

    async def answer(reader, writer):
        answering = True
        while answering:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"Content-Length: (\d+)", head)[1])
            bodies.append(head + await reader.readexactly(length))
            body = b"\x89PNG\r\n\x1a\n" if len(bodies) < 4 else b"no"
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            answering = len(bodies) < 3
        writer.close()
        await writer.wait_closed()

    async def both(requests):
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await ask(Load(port, "/predict", (str(image),), 1, requests))

    assert len(asyncio.run(both(3)).latencies_s) == 3
    assert bodies == [request_of(b"some bytes", "/predict")] * 3
    assert b'name="image"' in bodies[0]
    with pytest.raises(RuntimeError, match=r"no PNG: HTTP/1.1 200 OK, b'no'"):
        asyncio.run(both(1))


def test_a_server_that_ends_is_named():
    server = Server("mine", ("-c", "raise SystemExit(1)"), free_port(), "/")
    with pytest.raises(ConfigError, match="mine: its process is never ready"):
        server.wait()


@pytest.mark.slow
def test_every_server_answers(tmp_path, small_run):
    files = serving_speed.write_images(tmp_path / "images", None)[:2]
    ways = serving_speed.processes(small_run, "mobilenet_v2", 3)
    results = serving_speed.in_turn(ways, files, rounds=2, concurrency=2, seconds=0.5)
    expected = {OURS, WITHOUT_HTTP, FASTAPI}
    if importlib.util.find_spec("litserve"):
        expected.add(LITSERVE)
    assert set(results) == expected
    for each in results.values():
        assert len(each.rates) == 2
        assert len(each.latencies_s) >= 2
        assert min(each.rates) > 0


@pytest.mark.slow
def test_the_peers_network_takes_any_size():
    from seg.benchmarks.fastapi_peer import network, png, segmented

    label_BHW = segmented(network("mobilenet_v2", 3), np.zeros((2, 50, 70, 3), np.uint8))
    assert label_BHW.shape == (2, 50, 70)
    assert png(label_BHW[0]).startswith(b"\x89PNG")


@pytest.mark.slow
def test_memory_is_measured_while_sizes_change(tmp_path, small_run):
    line = ["serve_memory", f"checkpoint={small_run}", "requests=10", "num_sizes=4"]
    done = seg("benchmark", *line, "concurrency=2", "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    numbers = json.loads((tmp_path / "run/benchmark.json").read_text())["resident_mib"]
    assert list(numbers) == [str(count) for count in range(1, 11)]
    assert all(100 < mib < 8192 for mib in numbers.values())
