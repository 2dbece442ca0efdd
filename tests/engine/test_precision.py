"""`trainer.precision=auto` against what the processor says of itself."""

from pathlib import Path

import pytest

from seg.build.precision import precision_of
from seg.errors import ConfigError
from tests.conftest import SMALL, seg

CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(not CPUINFO.exists(), reason="only Linux lists what a processor can")
def test_auto_takes_what_the_processor_has():
    flags = {word for line in CPUINFO.read_text().splitlines() for word in line.split()}
    able = bool({"avx512_bf16", "amx_tile"} & flags)
    found = precision_of({"precision": "auto", "accelerator": "cpu"})
    assert found == ("bf16-mixed" if able else "32-true")


@pytest.mark.parametrize("chosen", ["32-true", "16-mixed", "64-true"])
def test_what_is_chosen_stays(chosen):
    assert precision_of({"precision": chosen, "accelerator": "auto"}) == chosen


def test_none_is_float32():
    assert precision_of({"precision": None}) == precision_of({}) == "32-true"


def test_what_is_unknown_is_named():
    with pytest.raises(ConfigError, match=r"trainer.precision=transformer-engine; allowed: auto"):
        precision_of({"precision": "transformer-engine"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "code"),
    [
        ("bf16-true", 0),
        pytest.param("64-true", 0, marks=pytest.mark.slow),
        pytest.param("16-mixed", 0, marks=pytest.mark.slow),
        # numbers that are not finite, told in words
        pytest.param("16-true", 4, marks=pytest.mark.slow),
    ],
)
def test_what_a_dry_run_passes_runs(precision, code, tmp_path):
    line = [*SMALL, "trainer.max_epochs=1", f"trainer.precision={precision}"]
    for dry in ("true", "false"):
        done = seg("train", *line, f"dry_run={dry}", "hydra.run.dir=run", cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
