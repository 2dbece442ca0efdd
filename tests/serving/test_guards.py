"""What is refused before a route sees it."""

import asyncio
from base64 import b64encode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from seg.errors import ConfigError
from seg.serving.access import find_token
from seg.serving.guards import Guard
from seg.serving.request_metrics import RequestMetrics
from tests.serving.applications import ask, config_of

TOKEN = "0123456789abcdef"
OPEN = (
    *("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/health"),
    *("/", "/page/page.js"),
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Return a maker of guarded applications that answer the length of a body."""

    async def length(request: Request) -> Response:
        return Response(str(len(await request.body())))

    def make(**settings):
        paths = ("/v1/predict", "/metrics", "/v2/models/a/ready", *OPEN)
        app = Starlette(routes=[Route(path, length, methods=["GET", "POST"]) for path in paths])
        config = config_of(tmp_path_factory.getbasetemp(), **settings)
        return Guard(app, config, RequestMetrics())

    return make


def test_the_token_opens_all_but_health_and_the_page_needs_it(guarded):
    app = guarded(token=TOKEN)
    for path in OPEN:
        assert ask(app, "GET", path).status_code == 200
        assert ask(app, "POST", path).status_code == 401
    for path in ("/v2", "/v2/models/a/ready", "/v2/health/live/", "/healthz/", "/setup"):
        assert ask(app, "GET", path).status_code == 401
    basic = b64encode(f"anyone:{TOKEN}".encode()).decode()
    for sent in (f"Bearer {TOKEN}", f"bearer  {TOKEN}", f"Basic {basic}"):
        assert ask(app, "GET", "/metrics", {"Authorization": sent}).status_code == 200
    wrong = b64encode(f"{TOKEN}:".encode()).decode()
    for sent in ("", TOKEN, f"Bearer {TOKEN}0", "Bearer", f"Basic {wrong}", "Basic ~"):
        answer = ask(app, "POST", "/v1/predict", {"Authorization": sent}, content=b"1")
        assert answer.status_code == 401
        assert answer.json() == {
            "error": "the token is missing or wrong; send it as `Authorization: Bearer TOKEN`"
        }


def test_other_machines_are_served_with_a_token_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("SEG_TOKEN", raising=False)
    assert find_token(config_of(tmp_path)) is None
    with pytest.raises(ConfigError, match="SEG_TOKEN"):
        find_token(config_of(tmp_path, host="0.0.0.0"))
    with pytest.raises(ConfigError, match="ASCII"):
        find_token(config_of(tmp_path, token="a b"))
    monkeypatch.setenv("SEG_TOKEN", TOKEN)
    assert find_token(config_of(tmp_path, host="0.0.0.0")) == TOKEN
    monkeypatch.setenv("SEG_TOKEN", "")
    with pytest.raises(ConfigError, match=r"host=::"):
        find_token(config_of(tmp_path, host="::"))


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:80", "[::1]:8000", "LOCALHOST"])
def test_names_of_this_machine_are_answered(guarded, host):
    assert ask(guarded(), "GET", "/healthz", {"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["other.example:8000", "localhost.example", "", "[::2]"])
def test_names_of_other_machines_are_misdirected(guarded, host):
    assert ask(guarded(), "GET", "/healthz", {"Host": host}).status_code == 421
    assert ask(guarded(token=TOKEN), "GET", "/healthz", {"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:8000"}, 200),
        ({"Origin": "http://localhost:9000"}, 403),
        ({"Origin": "https://other.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://of.proxy", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_may_not_post(guarded, headers, status):
    assert ask(guarded(), "POST", "/v1/predict", headers, content=b"1").status_code == status


def test_bodies_beyond_the_limit_are_refused_as_they_come(guarded):
    app = guarded(max_bytes=1000)
    assert ask(app, "POST", "/v1/predict", content=bytes(1000)).text == "1000"
    assert ask(app, "POST", "/v1/predict", content=bytes(1001)).status_code == 413
    sent = []

    async def pieces():
        for _ in range(10**6):
            sent.append(300)
            yield bytes(300)

    answer = ask(app, "POST", "/v1/predict", content=pieces())  # chunked: no length
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert "max_bytes" in answer.json()["error"]
    assert sum(sent) < 2**26 + 2**20
    assert app.bytes_left == 16 * 1000


def test_slow_bodies_are_given_up(guarded):
    async def pieces():
        yield b"1"
        await asyncio.sleep(5)

    answer = ask(guarded(upload_timeout_s=0.1), "POST", "/v1/predict", content=pieces())
    assert answer.status_code == 408


def test_bodies_of_all_requests_together_are_bound(guarded):
    app = guarded(max_bytes=1000)
    app.bytes_left = 500  # as while others are read
    answer = ask(app, "POST", "/v1/predict", content=bytes(600))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert app.bytes_left == 500


def test_answers_have_the_headers_that_browsers_obey(guarded):
    for path in ("/", "/none"):
        headers = ask(guarded(), "GET", path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
