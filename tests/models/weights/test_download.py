"""Downloads from a real HTTP server on this machine: cut off, damaged, refused, all at once."""

import hashlib
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from seg.data.readers.dataset_root import cache_directory
from seg.errors import ConfigError, DataError
from seg.models.weights import download
from seg.models.weights.download import fetch
from tests.models.web import CONTENT, Web, running

SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER_SHA256 = hashlib.sha256(b"another file").hexdigest()
# the module alone, without PyTorch: a process then starts at once
CHILD = f"""
import importlib.util, resource, signal, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("download", {str(download.__file__)!r})
download = importlib.util.module_from_spec(spec)
spec.loader.exec_module(download)
url, sha256, folder, largest = sys.argv[1:]
if int(largest):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
print(download.fetch(url, sha256, directory=Path(folder)))
"""


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSES_S", (0.01, 0.01))
    server = Web()
    with running(server):
        yield server
        server.held.set()


def child(url: str, folder: Path, *, largest: int = 0) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", CHILD, url, SHA256, str(folder), str(largest)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def part_of(folder: Path, content: bytes) -> Path:
    part = folder / f"{SHA256[:16]}-encoder.safetensors.part"
    part.write_bytes(content)
    return part


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(web, tmp_path):
    path = fetch(web.url(), SHA256, directory=tmp_path)
    assert path.read_bytes() == CONTENT
    assert path.suffix == ".safetensors"
    assert names(tmp_path) == [f"{SHA256[:16]}-encoder.safetensors"]
    assert fetch(web.url(), SHA256.upper(), directory=tmp_path) == path
    assert web.asked == [None]


def test_the_name_is_safe_and_keeps_its_suffixes(web, tmp_path):
    path = fetch(web.url("a%20b/..%2Fx%20y.weights.h5?download=1"), SHA256, directory=tmp_path)
    assert path.parent == tmp_path
    assert path.name.endswith("x_y.weights.h5")


def test_a_damaged_cache_entry_is_fetched_anew(web, tmp_path):
    path = fetch(web.url(), SHA256, directory=tmp_path)
    assert fetch(web.url(), SHA256, directory=tmp_path) == path
    path.write_bytes(CONTENT[:-1] + b"?")
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert len(web.asked) == 2


def test_a_cut_connection_is_resumed_within_the_call(web, tmp_path):
    web.cuts = [100_000]
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert web.asked == [None, "bytes=100000-"]


def test_the_next_call_resumes_where_the_last_gave_up(web, tmp_path):
    web.cuts = [100_000, 50_000, 20_000]
    with pytest.raises(DataError, match=r"connection closed after 170000 of 300000 bytes"):
        fetch(web.url(), SHA256, directory=tmp_path)
    assert names(tmp_path) == [f"{SHA256[:16]}-encoder.safetensors.part"]
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert web.asked[-1] == "bytes=170000-"


def test_a_server_without_ranges_starts_again(web, tmp_path):
    web.ranges = False
    part_of(tmp_path, CONTENT[:1000])
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert web.asked == ["bytes=1000-"]


def test_another_range_than_asked_for_is_not_appended(web, tmp_path):
    web.range_shift = 7
    part_of(tmp_path, CONTENT[:1000])
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert web.asked == ["bytes=1000-", None]


@pytest.mark.parametrize("leftover", [b"?" * 1000, b"?" * len(CONTENT), CONTENT + b"?"])
def test_a_part_of_another_file_costs_one_more_request(web, tmp_path, leftover):
    part_of(tmp_path, leftover)
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert web.asked == [f"bytes={len(leftover)}-", None]


def test_a_finished_part_needs_no_request(web, tmp_path):
    part_of(tmp_path, CONTENT)
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert web.asked == []


def test_a_wrong_digest_leaves_nothing(web, tmp_path):
    with pytest.raises(DataError) as failure:
        fetch(web.url(), OTHER_SHA256, directory=tmp_path)
    assert SHA256 in str(failure.value) and OTHER_SHA256 in str(failure.value)
    assert names(tmp_path) == []
    assert web.asked == [None]


def test_a_missing_file_is_told_at_once(web, tmp_path):
    web.statuses = [404]
    with pytest.raises(DataError, match=r"HTTP 404 Not Found") as failure:
        fetch(web.url(), SHA256, directory=tmp_path)
    assert "give its path" in str(failure.value)
    assert len(web.asked) == 1


def test_a_busy_server_is_asked_again(web, tmp_path):
    web.statuses = [503, 429]
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert len(web.asked) == 3


def test_a_silent_server_is_given_up(web, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT_S", 0.1)
    monkeypatch.setattr(download, "_PAUSES_S", ())
    web.held.clear()
    with pytest.raises(DataError, match="timed out"):
        fetch(web.url(), SHA256, directory=tmp_path)


@pytest.mark.usefixtures("web")
def test_a_refused_connection(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(DataError, match=r"Connection refused"):
            fetch(f"http://127.0.0.1:{port}/x.pth", SHA256, directory=tmp_path)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "ftp://127.0.0.1/x.pth",
        "file:///etc/passwd",
        "http://169.254.169.254/x",
        "http://[fe80::1]/x",
    ],
)
def test_a_redirect_out_of_the_web_is_refused(web, tmp_path, elsewhere):
    web.redirect = elsewhere
    with pytest.raises(DataError, match="not allowed"):
        fetch(web.url(), SHA256, directory=tmp_path)
    assert len(web.asked) == 1


def test_a_redirect_within_the_web_is_followed(web, tmp_path):
    other = Web()
    with running(other):
        web.redirect = other.url("moved.bin")
        path = fetch(web.url(), SHA256, directory=tmp_path)
    assert path.name.endswith("-encoder.safetensors")
    assert other.asked == [None]


def test_processes_at_once_make_one_request(web, tmp_path):
    web.pause_s = 0.5
    children = [child(web.url(), tmp_path) for _ in range(3)]
    outputs = [each.communicate(timeout=60) for each in children]
    assert [each.returncode for each in children] == [0, 0, 0], outputs
    assert len({printed for printed, _ in outputs}) == 1
    assert Path(outputs[0][0].strip()).read_bytes() == CONTENT
    assert len(web.asked) == 1
    assert len(names(tmp_path)) == 1


def test_threads_at_once_make_one_request(web, tmp_path):
    web.pause_s = 0.1
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(web.url(), SHA256, directory=tmp_path)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert len(web.asked) == 1


def test_a_killed_process_leaves_no_file_and_no_lock(web, tmp_path):
    web.held.clear()
    process = child(web.url(), tmp_path)
    part = tmp_path / f"{SHA256[:16]}-encoder.safetensors.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    received = part.stat().st_size
    assert names(tmp_path) == [part.name] and 0 < received < len(CONTENT)
    web.held.set()
    assert fetch(web.url(), SHA256, directory=tmp_path).read_bytes() == CONTENT
    assert web.asked == [None, f"bytes={received}-"]


def test_no_room_is_told(web, tmp_path):
    process = child(web.url(), tmp_path, largest=100_000)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "DataError" in told and "SEG_CACHE" in told and "File too large" in told
    assert names(tmp_path) == [f"{SHA256[:16]}-encoder.safetensors.part"]
    assert len(web.asked) == 1


def test_a_folder_that_is_none_is_told(web, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"\$SEG_CACHE"):
        fetch(web.url(), SHA256, directory=tmp_path / "file" / "cache")


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "file:///x", "x.pth", "https:///x", "https://host:port/x", "https://["]
)
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(ConfigError, match="allowed: https://HOST/FILE"):
        fetch(url, SHA256, directory=tmp_path)


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64, "a" * 65])
def test_other_digests_are_refused(tmp_path, digest):
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        fetch("https://host/x.pth", digest, directory=tmp_path)


def test_where_the_cache_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "a"))
    assert cache_directory() == tmp_path / "a"
    monkeypatch.setenv("SEG_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "seg"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_directory() == Path.home() / ".cache" / "seg"
