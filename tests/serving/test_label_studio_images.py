"""Images of tasks: one Label Studio and its directory are read, and nothing else."""

import base64
from pathlib import Path

import pytest

from seg.config.serve import LabelStudioOptions
from seg.errors import DataError
from seg.serving.label_studio_client import TOKEN_VARIABLE
from seg.serving.label_studio_images import TaskImages
from tests.serving.label_studio_host import LEGACY, file_host, personal_token

UPLOAD = "/data/upload/1/ab12cd34-a.png"
CONTENT = b"content of an image"


@pytest.fixture
def host():
    with file_host() as host:
        host.files[UPLOAD] = CONTENT
        yield host


def images(url=None, token=LEGACY, root=None, max_bytes=1000):
    options = LabelStudioOptions(
        url=url, token=token, root=root, simplify_tolerance_px=0, min_area_px=0
    )
    return TaskImages(options, max_bytes=max_bytes, timeout_s=5)


@pytest.mark.parametrize("token", [LEGACY, personal_token("refresh")])
def test_uploads_are_read_with_either_kind_of_token(host, token):
    reader = images(host.url, token)
    assert reader.read(UPLOAD) == CONTENT
    assert reader.read(host.url + UPLOAD) == CONTENT
    posts = [path for method, path, _ in host.asked if method == "POST"]
    assert posts == ([] if token == LEGACY else ["/api/token/refresh/"])  # and then it is kept
    assert all(path == UPLOAD for method, path, _ in host.asked if method == "GET")


def test_the_token_of_the_environment(host, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, LEGACY)
    assert images(host.url, None).read(UPLOAD) == CONTENT


def test_a_wrong_token_is_named_without_telling_it(host):
    with pytest.raises(DataError, match=r"refuses its file \(status 401\)\n.*label_studio.token"):
        images(host.url, "0123456789").read(UPLOAD)
    wrong = personal_token("refresh").replace("signature", "another")
    with pytest.raises(DataError, match="does not take the personal access token") as caught:
        images(host.url, wrong).read(UPLOAD)
    assert wrong not in str(caught.value)


def test_label_studio_below_a_path():
    with file_host("/studio") as host:
        host.files[f"/studio{UPLOAD}"] = CONTENT
        for address in (UPLOAD, f"/studio{UPLOAD}", host.url + UPLOAD):
            assert images(host.url).read(address) == CONTENT
        with pytest.raises(DataError, match="files below /studio/data/ alone are read"):
            images(host.url).read(host.url.removesuffix("/studio") + "/else/data/upload/1/a.png")


@pytest.mark.parametrize(
    "address",
    [
        *("s3://bucket/a.png", "gs://bucket/a.png", "file:///etc/hostname", "a.png", "ftp://h/a"),
        *("memory://a", "C:\\a.png", "//127.0.0.1:1/data/upload/1/a.png"),
        *("http://127.0.0.1:1/data/upload/1/a.png", "https://example.org/data/upload/1/a.png"),
        *("/api/users", "/data/../api/users", "/data/%2e%2e/api/users", "/data/./upload/1/a.png"),
        *("http://[::1/data/a.png", "http://h:99999/data/a.png", "/data\\..\\api", "javascript:1"),
    ],
)
def test_other_places_are_refused_unasked(host, address):
    with pytest.raises(DataError) as caught:
        images(host.url).read(address)
    assert caught.value.fault == "refused", str(caught.value)
    assert host.asked == []


def test_another_port_scheme_or_user_is_another_place(host):
    port = host.server_address[1]
    for address in (f"https://127.0.0.1:{port}", f"http://a:b@127.0.0.1:{port}"):
        with pytest.raises(DataError) as caught:
            images(host.url).read(address + UPLOAD)
        assert caught.value.fault == "refused"
    assert host.asked == []


def test_redirects_within_label_studio_alone_are_followed(host):
    with file_host() as other:
        other.files[UPLOAD] = b"of another host"
        host.redirects = {
            "/data/upload/1/b.png": UPLOAD,
            "/data/upload/1/c.png": f"{other.url}{UPLOAD}?signature=secret",
            "/data/upload/1/d.png": "/data/upload/1/d.png",
            "/data/upload/1/e.png": "/api/users",
            "/data/upload/1/f.png": "file:///etc/hostname",
        }
        reader = images(host.url)
        assert reader.read("/data/upload/1/b.png") == CONTENT
        with pytest.raises(
            DataError, match=r"redirects to '127[^?]*other hosts and stores"
        ) as caught:
            reader.read("/data/upload/1/c.png")
        assert "secret" not in str(caught.value)
        for name in "def":
            with pytest.raises(DataError):
                reader.read(f"/data/upload/1/{name}.png")
        assert other.asked == []
        assert "/api/users" not in [path for _, path, _ in host.asked]


def test_sizes_are_bounded(host):
    host.files["/data/upload/1/large.png"] = bytes(1001)
    with pytest.raises(DataError, match="more than max_bytes=1000"):
        images(host.url).read("/data/upload/1/large.png")
    for content, fits in ((bytes(1000), True), (bytes(1001), False)):
        address = "data:image/png;base64," + base64.b64encode(content).decode()
        if fits:
            assert images().read(address) == content
        else:
            with pytest.raises(DataError, match="more than max_bytes=1000"):
                images().read(address)


def test_what_is_missing_or_out_of_reach(host):
    with pytest.raises(DataError, match=r"answers 404 for '/data/upload/1/b\.png'"):
        images(host.url).read("/data/upload/1/b.png")
    with pytest.raises(DataError, match=r"is out of reach: .*\n  check label_studio.url"):
        images("http://127.0.0.1:9").read(UPLOAD)
    with pytest.raises(DataError, match=r"start the server with label_studio.url="):
        images().read(UPLOAD)
    for address in (None, 3, "", " ", ["a.png"]):
        with pytest.raises(DataError, match="no address"):
            images(host.url).read(address)
    for address in ("data:image/png,abc", "data:image/png;base64", "data:image/png;base64,%%"):
        with pytest.raises(DataError, match="its data: address is"):
            images().read(address)


def test_names_that_are_quoted_or_not(host):
    host.files["/data/upload/1/a%20b%C3%A4.png"] = CONTENT
    for name in ("a bä.png", "a%20b%C3%A4.png"):
        assert images(host.url).read(f"/data/upload/1/{name}") == CONTENT


def test_local_files_below_the_root(tmp_path, host):
    root = tmp_path / "photos"
    (root / "deep").mkdir(parents=True)
    (root / "deep/a b.png").write_bytes(CONTENT)
    (tmp_path / "secret.png").write_bytes(b"not below the root")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    reader = images(host.url, root=root)
    assert reader.read("/data/local-files/?d=deep/a%20b.png") == CONTENT
    assert reader.read("/data/local-files?d=/deep/a+b.png") == CONTENT
    for wrong in ("../secret.png", "link.png", "%2e%2e/secret.png"):
        with pytest.raises(DataError, match=r"leads out of label_studio.root"):
            reader.read(f"/data/local-files/?d={wrong}")
    for wrong, reason in (
        ("deep", "no such"),
        ("b.png", "no such"),
        ("", "no file"),
        ("%00", "no"),
    ):
        with pytest.raises(DataError, match=reason):
            reader.read(f"/data/local-files/?d={wrong}")
    assert host.asked == []
    assert reader.read(UPLOAD) == CONTENT
    with pytest.raises(DataError, match=r"more than|too large"):
        images(root=root, max_bytes=3).read("/data/local-files/?d=deep/a%20b.png")


def test_local_files_by_the_host_without_a_root(host):
    host.files["/data/local-files/?d=deep/a%20b.png"] = CONTENT
    assert images(host.url).read("/data/local-files/?d=deep/a%20b.png") == CONTENT


@pytest.mark.parametrize(
    "change",
    [
        *({"url": "localhost:8080"}, {"url": "ftp://host"}, {"url": "http://a:secret@host"}),
        *({"url": "http://host:99999"}, {"root": Path("/no/such/directory")}),
    ],
)
def test_options_that_are_none(change):
    plain = {"url": None, "token": None, "root": None, "simplify_tolerance_px": 0, "min_area_px": 0}
    with pytest.raises(ValueError, match=r"allowed: http|Port|no such directory"):
        LabelStudioOptions(**(plain | change))
