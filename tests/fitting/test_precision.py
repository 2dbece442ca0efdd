"""`trainer.precision=auto` against what the processor says of itself."""

from pathlib import Path

import pytest

from seg.assemble.precision import precision_of

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
