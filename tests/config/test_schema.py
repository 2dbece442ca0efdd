import pytest

from seg.config.commands import PredictConfig
from seg.config.schema import validate
from seg.errors import ConfigError

GOOD = {"checkpoint": "a", "input": "b", "output": None, "overlay_opacity": 0.5, "device": "auto"}


def test_good_values_pass_and_are_frozen():
    config = validate(PredictConfig, GOOD)
    with pytest.raises(ValueError, match="frozen"):
        config.device = "cpu"


def test_all_errors_are_told_at_once():
    wrong = GOOD | {"overlay_opacity": 2, "device": "gpu", "colour": 1}
    del wrong["input"]
    with pytest.raises(ConfigError) as caught:
        validate(PredictConfig, wrong)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    for part in (
        "overlay_opacity=2: ",
        "device='gpu': input should be 'auto', 'cpu' or 'cuda'",
        "input: missing; give input=...",
    ):
        assert part in str(caught.value)
    assert (
        "colour: no such key; allowed: checkpoint, device, input, output, overlay_opacity"
        in str(caught.value)
    )


def test_the_nearest_name_is_offered():
    with pytest.raises(ConfigError, match="did you mean device\\?"):
        validate(PredictConfig, GOOD | {"devise": "cpu"})
