"""What `config.json` beside weights says of their images: taken, or refused with the reason."""

import json

import pytest

from seg.errors import DataError
from seg.models.weights.model_config import normalization_beside

HALF = [0.5] * 3


@pytest.mark.parametrize(
    "content",
    [
        {"mean": HALF, "std": HALF},
        {"pretrained_cfg": {"mean": HALF, "std": HALF}},
        {"mean": [0.1] * 3, "std": [0.1] * 3, "pretrained_cfg": {"mean": HALF, "std": HALF}},
        {"mean": HALF, "std": HALF, "pretrained_cfg": None},
    ],
)
def test_what_is_taken(content, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(content))
    normalization = normalization_beside(tmp_path)
    assert normalization.mean == normalization.std == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("content", [{}, {"architecture": "resnet18"}, {"pretrained_cfg": {}}])
def test_what_says_nothing(content, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert normalization_beside(tmp_path) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"mean": [123.7, 116.3, 103.5], "std": [58.4, 57.1, 57.4]}, "divide both by 255"),
        ({"mean": [0.5] * 3, "std": [127.5] * 3}, "values from 0 to 255"),
        ({"pretrained_cfg": {"mean": HALF}}, "gives a mean alone"),
        ({"std": HALF}, "gives a std alone"),
        ({"mean": HALF, "std": [0] * 3}, "mean and std are damaged"),
        ({"mean": "abc", "std": HALF}, "mean and std are damaged"),
        ({"pretrained_cfg": 3}, "holds 3, not named values"),
        ([1], "holds [1], not named values"),
    ],
)
def test_what_is_refused(content, words, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        normalization_beside(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
