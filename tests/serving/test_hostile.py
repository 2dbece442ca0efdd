"""Uploads that are refused: 4xx, no more memory, and the server answers as before."""

import re

import httpx
import numpy as np
import pytest

from seg.data.readers.value_range import PLAIN
from seg.errors import DataError
from seg.serving.uploads import decode
from tests.serving.hostile_uploads import FORMATS, _image, uploads

_MOST_PIXELS = 2**22
_MEMORY = re.compile(r"^process_resident_memory_bytes (\S+)", re.MULTILINE)
_MOST_GROWTH = 48 * 2**20
_LEAKS = ("/tmp", "/work", "memory://", "vsimem", "0x", "BytesIO", "site-packages", "Traceback")


def test_every_hostile_upload_is_refused_and_names_no_place():
    count = 0
    for what, content in uploads():
        count += 1
        with pytest.raises(DataError) as caught:
            raster = decode(content, PLAIN, max_pixels=_MOST_PIXELS)
            pytest.fail(f"{what} of {len(content)} bytes was read: {raster.image_HWC.shape}")
        text = str(caught.value)
        assert not [leak for leak in _LEAKS if leak in text], (what, text)
        assert text.startswith("image"), (what, text)
    assert count >= 300


@pytest.mark.parametrize("name", FORMATS)
def test_whole_images_of_the_allowed_formats_are_read(name):
    raster = decode(_image(name), PLAIN, max_pixels=_MOST_PIXELS)
    assert raster.image_HWC.shape == (48, 64, 3)
    assert raster.image_HWC.dtype == np.uint8


def test_giant_headers_are_too_large():
    for what, content in uploads():
        if what.startswith("giant"):
            with pytest.raises(DataError) as caught:
                decode(content, PLAIN, max_pixels=_MOST_PIXELS)
            assert caught.value.fault == "too_large", what


@pytest.mark.slow
def test_the_server_refuses_them_and_stays_as_it_was(served):
    with httpx.Client(base_url=served, timeout=60) as client:
        good = {"image": _image("PNG")}
        before = client.post("/v1/predict", files=good)
        assert before.status_code == 200
        statuses = [_refused(client, what, content) for what, content in uploads()]
        start = _memory(client)
        statuses += [_refused(client, what, content) for what, content in uploads()]
        assert _memory(client) - start < _MOST_GROWTH
        assert {400, 413, 415} == set(statuses)
        assert client.post("/v1/predict", files=good).content == before.content


def _refused(client: httpx.Client, what: str, content: bytes) -> int:
    answer = client.post("/v1/predict", files={"image": ("image.png", content, "image/png")})
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text[:200])
    text = answer.json()["error"]
    assert not [leak for leak in _LEAKS if leak in text], (what, text)
    return answer.status_code


def _memory(client: httpx.Client) -> float:
    match = _MEMORY.search(client.get("/metrics").text)
    assert match is not None
    return float(match[1])
