"""`python -m seg.describe`, as a user types it."""

import json

import pytest
from PIL import Image

from tests.conftest import seg

SMALL = ("encoder=aligned_xception_micro", "input=3x65x97", "rounds=1", "hydra.run.dir=run")


def test_a_network_flow_by_flow(tmp_path):
    done = seg("describe", *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "run/describe.json").read_text())
    assert [flow["name"] for flow in told["flows"]][:4] == [
        f"encoder.{flow}" for flow in ("stem", "entry", "middle", "exit")
    ]
    for key in ("parameters", "multiply_adds"):
        for rows in ("flows", "layers"):
            assert sum(row[key] for row in told[rows]) == told["network"][key]
    assert told["flows"][0]["receptive_field_px"] == 7
    for saving in told["full_convolutions"]["savings"]:
        assert saving["counted"] == pytest.approx(saving["formula"], rel=1e-9)
    full, ours = told["full_convolutions"]["network"], told["network"]
    assert 4 < full["multiply_adds"] / ours["multiply_adds"] < 9
    assert set(told["seconds"]) == {"separable", "full"}
    assert "| encoder.middle |" in done.stdout
    assert "with full convolutions" in done.stdout
    with Image.open(tmp_path / "run/describe.png") as picture:
        assert picture.width == 960


def test_a_network_without_separable_convolutions(tmp_path):
    line = ("encoder=smp", "encoder.name=resnet18", "decoder=smp", "decoder.name=Unet", *SMALL[1:])
    done = seg("describe", *line, "rounds=0", "layers=true", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "run/describe.json").read_text())
    assert "full_convolutions" not in told
    assert len(done.stdout.splitlines()) > len(told["layers"])


@pytest.mark.parametrize(
    ("argument", "told"),
    [("input=513", "input='513'"), ("encoder.variant={towers: 5}", "divisors of")],
)
def test_what_is_refused(argument, told, tmp_path):
    done = seg("describe", *SMALL, argument, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
