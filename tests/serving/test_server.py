"""The server as a user starts it."""

from io import BytesIO

import httpx
import numpy as np
from PIL import Image

import seg


def test_an_image_is_answered_as_seg_predicts_it(served, small_run, tmp_path):
    path = tmp_path / "image.png"
    pixels = np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    answer = httpx.post(f"{served}/v1/predict", files={"image": path.read_bytes()}, timeout=60)
    assert answer.status_code == 200, answer.text
    actual = np.asarray(Image.open(BytesIO(answer.content)))
    expected = seg.load_model(small_run).predict(path)
    assert (actual == expected).mean() > 0.999  # batch norms are folded: rounding


def test_bytes_that_are_no_image_are_refused(served):
    answer = httpx.post(f"{served}/v1/predict", files={"image": b"no image"}, timeout=60)
    assert answer.status_code == 415
    assert "of no allowed format" in answer.json()["error"]
