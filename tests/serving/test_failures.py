"""What is wrong with the server or its checkpoint: short for users, all of it in the log."""

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seg.errors import DataError
from seg.serving.server import serve
from tests.conftest import REPO, seg
from tests.serving.applications import app_of, ask, config_of, services_of
from tests.serving.untrained import first_image, write_run

PREDICT = ("POST", "/v1/predict")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run", "binary")


@pytest.fixture(scope="module")
def image(run):
    return first_image(run).read_bytes()


class _Broken:
    """A network whose engine fails at every image."""

    def __init__(self, model, error):
        self._model, self._error = model, error

    def forward_image(self, _):
        raise self._error

    def __getattr__(self, name):
        return getattr(self._model, name)


@pytest.mark.parametrize(
    "error", [RuntimeError("secret of /the/engine"), SystemExit(3), MemoryError()]
)
def test_a_failure_has_a_number_that_the_log_has_too(run, image, monkeypatch, caplog, error):
    service, app = services_of(run).default, app_of(run)
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(service, "model", _Broken(service.model, error))
        answer = ask(app, *PREDICT, files={"image": image})
    assert answer.status_code == 500
    (text,) = answer.json().values()
    number = re.fullmatch(r"the server failed; its log says why at ([0-9a-f]{8})", text)[1]
    (record,) = (each for each in caplog.records if number in each.getMessage())
    assert type(error).__name__ in repr(record.exc_info[1])
    assert answer.headers["cache-control"] == "no-store"
    assert ask(app, *PREDICT, files={"image": image}).status_code == 200
    text = ask(app, "GET", "/metrics").text
    assert 'seg_requests_total{route="/v1/predict",status="500"} 1.0' in text
    assert "seg_refusals_total{" not in text


def test_refusals_are_counted_by_their_reason(run, image):
    app = app_of(run, max_bytes=30_000)
    for body in (b"no image", image[:100], bytes(40_000)):
        assert ask(app, *PREDICT, files={"image": body}).status_code in (400, 413, 415)
    ask(app, *PREDICT, files={"other": b"1"})
    ask(app, "GET", "/none")
    ask(app, *PREDICT, {"Host": "other.example"}, files={"image": image})
    assert ask(app, *PREDICT, files={"image": image}).status_code == 200
    text = ask(app, "GET", "/metrics").text
    assert set(re.findall(r'seg_refusals_total{reason="(\w+)"} 1\.0', text)) == {
        *("image_format", "image_damaged", "request_entity_too_large", "not_found"),
        *("unprocessable_entity", "misdirected_request"),
    }
    assert 'seg_batch_images_bucket{le="1.0",model="run"} 1.0' in text
    assert float(re.search(r"\nseg_received_bytes_total (\S+)", text)[1]) > len(image)


def test_a_checkpoint_that_cannot_be_opened_ends_the_command(run, tmp_path):
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes((run / "checkpoints/best.ckpt").read_bytes()[:50_000])
    for path, text in (
        (tmp_path / "none", "no such file; give a run directory"),
        (cut, "cannot be read safely"),
        (first_image(run), "cannot be read safely"),
    ):
        with pytest.raises(DataError, match=text):
            serve(config_of(path, port=0))


@pytest.mark.slow
def test_a_second_checkpoint_that_cannot_be_opened_ends_it_too(run, tmp_path):
    done = seg("serve", f"checkpoint={run}", f"compare={tmp_path}", "port=0", cwd=tmp_path)
    assert (done.returncode, "ready" in done.stdout) == (3, False)
    assert f"compare={tmp_path}" in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_idle_server_ends_soon(run):
    line = [sys.executable, "-m", "seg.serve", f"checkpoint={run}", "port=0", "engine=torch"]
    environ = {**os.environ, "PYTHONPATH": str(REPO)}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environ)
    with process.stdout:
        assert any("ready: " in each for each in process.stdout)
        before_s = _processor_s(process.pid)
        process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    # Of the processor, as others may have it meanwhile; with a collection of garbage it takes 2 s.
    assert usage.ru_utime + usage.ru_stime - before_s < 1


def _processor_s(pid):
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def test_documents_name_the_token_and_load_nothing_from_other_machines(run):
    token = "0123456789abcdef"
    app = app_of(run, token=token)
    assert ask(app, "GET", "/openapi.json").status_code == 401
    document = ask(app, "GET", "/openapi.json", {"Authorization": f"Bearer {token}"}).json()
    schemes = document["components"]["securitySchemes"]
    assert [(each["type"], each["scheme"]) for each in schemes.values()] == [("http", "bearer")]
    paths = document["paths"]
    assert paths["/v1/predict"]["post"]["security"] == [{key: [] for key in schemes}]
    assert "security" not in paths["/healthz"]["get"]
    plain = app_of(run)
    assert "securitySchemes" not in ask(plain, "GET", "/openapi.json").text
    for path in ("/docs", "/redoc"):  # FastAPI's pages load scripts of other hosts
        answer = ask(plain, "GET", path)
        assert (answer.status_code, list(answer.json())) == (404, ["error"])
