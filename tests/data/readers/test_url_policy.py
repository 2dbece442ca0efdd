"""Schemes are named, and no server sends us into this machine."""

import pytest

from seg.data.readers.url_policy import reach, redirect_fault
from seg.data.readers.urls import read_bytes
from seg.errors import DataError
from seg.prediction.inputs import list_items
from tests.models.web import CONTENT, Web, running

METADATA = "http://169.254.169.254/x"


@pytest.fixture
def web():
    server = Web()
    with running(server):
        yield server


@pytest.mark.parametrize(
    "address",
    [
        "ftp://host/a.png",
        "sftp://host/a.png",
        "github://owner:name@main/a.png",
        "simplecache::file:///a.png",
        "zip://a.png::https://host/b.zip",
        "https://host/b.zip::file:///a.png",
        "reference://a",
        "FILE:///a.png",
    ],
)
def test_other_schemes_and_chains_are_refused(address, tmp_path):
    for use in (reach, lambda each: read_bytes(each, "image")):
        with pytest.raises(DataError, match=r"allowed: http, https, s3, "):
            use(address)
    with pytest.raises(DataError, match=r"allowed: http, https, s3, "):
        list_items(address, output=tmp_path)


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1/x",
        "http://127.8.9.10:99/x",
        "https://localhost/x",
        "http://0.0.0.0/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        METADATA,
        "http://[fe80::1]/x",
        "ftp://192.0.2.7/x",
        "file:///etc/hostname",
    ],
)
def test_a_server_elsewhere_does_not_send_us_here(target, monkeypatch):
    assert "not allowed" in redirect_fault("192.0.2.1", target)
    monkeypatch.setenv("SEG_LOCAL_REDIRECTS", "1")
    assert (redirect_fault("192.0.2.1", target) is None) == target.startswith("http")


def test_a_server_elsewhere_may_send_us_on():
    assert redirect_fault("192.0.2.1", "https://192.0.2.2/x") is None


def test_what_was_asked_for_here_stays_here():
    assert redirect_fault("127.0.0.1", "http://localhost/x") is None
    assert "link-local" in redirect_fault("127.0.0.1", METADATA)
    assert "loopback" in redirect_fault("169.254.1.1", "http://127.0.0.1/x")


def test_files_of_tables_are_held_to_it(web):
    assert read_bytes(web.url("a.png"), "image") == CONTENT
    other = Web()
    with running(other):
        web.redirect = other.url("b.png")
        assert read_bytes(web.url("a.png"), "image") == CONTENT
    web.redirect = METADATA
    with pytest.raises(DataError, match=r"a link-local address: not allowed"):
        read_bytes(web.url("a.png"), "image")


@pytest.mark.parametrize("ranges", [True, False])
def test_no_more_is_fetched_than_may_be_read(web, ranges):
    web.ranges = ranges
    web.content = bytes(2**25)
    if not ranges:
        web.held.clear()  # the second half does not come, and is not waited for
    with pytest.raises(DataError, match="at most 1000 are read") as caught:
        read_bytes(web.url("a.json"), "table", max_bytes=1000)
    web.held.set()
    assert caught.value.fault == "too_large"
    web.content = CONTENT
    assert read_bytes(web.url("a.json"), "table", max_bytes=len(CONTENT)) == CONTENT


def test_inputs_are_held_to_it(web, tmp_path):
    web.redirect = METADATA
    with pytest.raises(DataError, match=r"input=.*"):
        list_items(web.url("a.png"), output=tmp_path)
