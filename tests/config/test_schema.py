from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from seg.config.schema import validate
from seg.config.section import Section
from seg.errors import ConfigError


class Drawing(Section):
    source: Path
    opacity: Annotated[float, Field(ge=0, le=1)]
    device: Literal["auto", "cpu", "cuda"]


GOOD = {"source": "a", "opacity": 0.5, "device": "auto"}


def test_good_values_pass_and_are_frozen():
    config = validate(Drawing, GOOD)
    with pytest.raises(ValueError, match="frozen"):
        config.device = "cpu"


def test_all_errors_are_told_at_once():
    wrong = GOOD | {"opacity": 2, "device": "gpu", "colour": 1}
    del wrong["source"]
    with pytest.raises(ConfigError) as caught:
        validate(Drawing, wrong)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    for part in (
        "opacity=2: ",
        "device='gpu': allowed: auto, cpu, cuda",
        "source: missing; give source=...",
    ):
        assert part in str(caught.value)
    assert "colour: no such key; allowed: device, opacity, source" in str(caught.value)


def test_the_nearest_name_is_offered():
    with pytest.raises(ConfigError, match="did you mean device\\?"):
        validate(Drawing, GOOD | {"devise": "cpu"})
