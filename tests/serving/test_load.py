"""The server under load: nothing is lost, waiting is fair, its end and its memory are bounded.

`SEG_LOAD_SECONDS=60 python -m pytest tests/serving/test_load.py -m slow` loads it for a minute.
"""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPO

pytestmark = pytest.mark.slow


class _Server:
    """`python -m seg.serve` in a process of its own."""

    def __init__(self, *arguments):
        line = [sys.executable, "-m", "seg.serve", "port=0", "engine=torch", *arguments]
        environ = {**os.environ, "PYTHONPATH": str(REPO), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environ)
        assert self.process.stdout is not None
        line = next((each for each in self.process.stdout if "ready: " in each), None)
        assert line is not None, f"the server ended with {self.process.wait()}"
        self.port = int(line.rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def resident_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def post(self, body, connection=None):
        """Return the status, the Retry-After and the body of an answer."""
        own = connection or self.connect()
        try:
            own.request("POST", "/v1/predict", body, {"Content-Type": f"multipart/form-data; {_B}"})
            answer = own.getresponse()
            return answer.status, answer.headers.get("Retry-After"), answer.read()
        finally:
            if connection is None:
                own.close()


_B = "boundary=limit"


def _body(height=64, width=96, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    head = b'--limit\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    return head + file.getvalue() + b"\r\n--limit--\r\n"


def _in_threads(count, call):
    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for each in threads:
        each.start()
    return threads


def test_sigterm_under_load_loses_no_request_and_ends_with_success(small_run):
    body, answers, refused = _body(), [], []
    with _Server(f"checkpoint={small_run}") as server:
        ending = threading.Event()

        def ask(_):
            while not ending.is_set():
                sent_s = time.perf_counter()
                try:
                    status, *_ = server.post(body)
                except OSError:
                    refused.append(sent_s)
                    return
                answers.append((sent_s, time.perf_counter(), status))

        threads = _in_threads(16, ask)
        while len(answers) < 50:
            time.sleep(0.01)
        signal_s = time.perf_counter()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        ending.set()
        for each in threads:
            each.join(60)
        assert server.process.wait(60) == 0
    assert {status for *_, status in answers} <= {200, 503}
    in_flight = [status for sent_s, at_s, status in answers if sent_s < signal_s < at_s]
    # 503: the client had begun to connect, and the server had not read its request
    assert 0 < len(in_flight) <= 16
    assert 200 in in_flight
    assert all(status == 200 for _, at_s, status in answers if at_s < signal_s)
    assert all(sent_s > signal_s for sent_s in refused)


def test_a_second_signal_ends_at_once(small_run):
    with _Server(f"checkpoint={small_run}") as server:
        server.process.send_signal(signal.SIGINT)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) in (128 + signal.SIGTERM, 128 + signal.SIGINT)


def test_200_clients_lose_nothing_and_wait_no_longer_than_their_place(small_run):
    body, clients = _body(), 200
    seconds = float(os.environ.get("SEG_LOAD_SECONDS", "5"))
    with _Server(f"checkpoint={small_run}") as server:
        alone_s = []
        with closing(server.connect()) as alone:
            for _ in range(20):
                begun_s = time.perf_counter()
                assert server.post(body, alone)[0] == 200
                alone_s.append(time.perf_counter() - begun_s)
        until_s, times_s, refusals = time.perf_counter() + seconds, [], []

        def ask(_):
            while True:  # each request until it is answered, however often it is refused
                begun_s = time.perf_counter()
                status, retry_after, _ = server.post(body)
                if status == 200:
                    times_s.append(time.perf_counter() - begun_s)
                    if begun_s > until_s:
                        return
                else:
                    assert status == 429
                    refusals.append(int(retry_after))
                    time.sleep(refusals[-1])

        threads = _in_threads(clients, ask)
        for each in threads:
            each.join(180)
    assert not any(each.is_alive() for each in threads)
    assert len(times_s) >= clients
    places = 64 + 2  # of the queue, and those that are worked on
    p95_s, alone = float(np.quantile(times_s, 0.95)), float(np.median(alone_s))
    print(
        f"{len(times_s)} answers, {len(refusals)} refusals, p95 {p95_s:.2f} s, alone {alone:.3f} s"
    )
    assert p95_s <= 3 * places * alone


def test_memory_stays_over_many_sizes(small_run):
    rng = np.random.default_rng(0)
    bodies = [_body(*rng.integers(40, 200, 2), seed) for seed in range(60)]
    with _Server(f"checkpoint={small_run}", "workers=2") as server:
        resident_mib, statuses = [], []
        for _ in range(10):
            todo = list(bodies)

            def ask(_, todo=todo):
                with closing(server.connect()) as connection, suppress(IndexError):
                    while True:
                        statuses.append(server.post(todo.pop(), connection)[0])

            for each in _in_threads(4, ask):
                each.join(120)
            resident_mib.append(server.resident_mib)
    assert statuses == [200] * 600
    print(resident_mib)
    assert max(resident_mib[3:]) < 1.1 * resident_mib[2] + 20
