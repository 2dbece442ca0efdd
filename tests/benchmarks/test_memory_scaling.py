"""Memory of real commands by the size of what they are given."""

import pytest
from PIL import Image

from seg.benchmarks import memory_scaling
from seg.benchmarks.plots import write_curves
from seg.data.readers.gdal import has_gdal
from seg.errors import ConfigError


def test_without_a_checkpoint_the_task_says_so():
    with pytest.raises(ConfigError, match="checkpoint=RUN_DIR"):
        memory_scaling.run(None, sides=(64, 128), lengths=(1,))


@pytest.mark.slow
def test_a_command_that_fails_is_named_with_its_reason(tmp_path):
    with pytest.raises(ConfigError, match=r"(?s)seg.predict.*failed.*nothing"):
        memory_scaling.run(tmp_path / "nothing", sides=(64, 128), lengths=(1,))


def test_table_and_picture(tmp_path):
    peaks = {
        memory_scaling.PREDICTION: {10**6: 500.0, 3 * 10**6: 510.0},
        memory_scaling.EVALUATION: {4: 600.0},
    }
    text = memory_scaling.table(peaks)
    assert "| prediction | 3.0 Mpx | 510 | 5.2 |" in text
    assert "| evaluation | 4 images | 600 | |" in text
    write_curves(tmp_path / "curves.png", peaks)
    with Image.open(tmp_path / "curves.png") as picture:
        assert len(picture.getcolors(2**24)) > 3


@pytest.mark.slow
def test_real_commands(small_run):
    peaks = memory_scaling.run(small_run, sides=(64,), lengths=(1,))
    assert set(peaks[memory_scaling.PREDICTION]) == {64**2}
    assert (memory_scaling.BY_WINDOWS in peaks) == has_gdal()
    for mib in (
        *peaks[memory_scaling.PREDICTION].values(),
        *peaks[memory_scaling.EVALUATION].values(),
    ):
        assert 100 < mib < 4096
