"""`dataset.scaling` becomes numbers in the configuration of a run, once."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image

from seg.build.datasets import create_dataset, decoding_of, open_dataset
from seg.build.image_statistics import (
    counted,
    scaling_line,
    with_counted_images,
    with_recorded_images,
)
from seg.config.schema import TrainConfig, validate
from seg.errors import ConfigError
from tests.composition import composed
from tests.conftest import seg

RNG = np.random.default_rng(0)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "cache"))
    for split, count in (("train", 4), ("val", 2)):
        for place in ("images", "labels"):
            (tmp_path / place / split).mkdir(parents=True)
        for name in range(count):
            bands = RNG.normal(1500, 200, (12, 20, 4)).astype(np.uint16)
            np.save(tmp_path / f"images/{split}/{name}.npy", bands)
            label = Image.fromarray(np.eye(12, 20, dtype=np.uint8))
            label.save(tmp_path / f"labels/{split}/{name}.png")
    return tmp_path


def config_of(root, *overrides):
    line = ("dataset=folder", f"dataset.root={root}", "loader.num_workers=0", *overrides)
    return validate(TrainConfig, composed("train", *line))


def resolved(config):
    return with_counted_images(config, lambda part: open_dataset(part, config.labels, "train"))


def all_values(root):
    return np.concatenate(
        [np.load(path).reshape(-1, 4) for path in sorted(root.glob("images/train/*"))]
    )


def test_percentiles_and_moments_become_ranges(root):
    config = config_of(root, "dataset.bands=[1,2,3,4]", "dataset.scaling=percentiles")
    section = resolved(config).dataset
    every = all_values(root)
    pairs = np.percentile(every, (0.5, 99.5), axis=0, method="inverted_cdf").T
    assert (section.scaling, section.clip, section.kind) == (None, True, "uint16")
    np.testing.assert_array_equal(section.value_range, pairs)
    assert decoding_of(section).kind == "uint16"
    image = open_dataset(section, config.labels, "val")[0].image
    assert (image.dtype, image.shape) == (np.float32, (12, 20, 4))
    section = resolved(config_of(root, "dataset.bands=[4,1]", "dataset.scaling=mean_std")).dataset
    chosen = every[:, [3, 0]].astype(float)
    ends = np.stack([chosen.mean(0) - 2 * chosen.std(0), chosen.mean(0) + 2 * chosen.std(0)])
    np.testing.assert_allclose(section.value_range, ends.T, rtol=1e-9)
    assert (section.clip, section.kind) == (False, "uint16")


def test_the_type_of_declared_ranges_is_written_down(root):
    assert resolved(config_of(root)).dataset == config_of(root).dataset  # nothing is declared
    config = config_of(root, "dataset.bands=[1,2,3,4]", "dataset.value_range=[0,4095]")
    assert resolved(config).dataset.kind == "uint16"
    chosen = config_of(
        root, "dataset.bands=[1]", "dataset.value_range=[0,9]", "dataset.kind=float32"
    )
    assert resolved(chosen).dataset.kind == "float32"


def test_a_resumed_run_keeps_its_numbers(root):
    config = config_of(root, "dataset.bands=[1,2,3,4]", "dataset.scaling=mean_std")
    recorded = resolved(config).dataset
    for path in root.glob("images/train/*"):
        path.unlink()
    again = with_recorded_images(config, recorded)
    assert again.dataset == recorded
    assert resolved(again).dataset == recorded
    early = recorded.model_copy(update={"kind": None})  # a checkpoint of an early version
    line = ("dataset.bands=[1,2,3,4]", "dataset.value_range=[0,4095]", "resume=runs/a")
    declared = config_of(root, *line)
    assert with_recorded_images(declared, early).dataset == declared.dataset
    assert resolved(declared).dataset == declared.dataset


def test_where_nothing_counts_it_is_refused(root):
    with pytest.raises(ConfigError, match=r"scaling=percentiles: counted at the start(.|\n)*stats"):
        create_dataset("folder", root=root, scaling="percentiles")
    line = ("dataset=streets", "dataset.scaling=percentiles")
    with pytest.raises(ConfigError, match="reads no image files"):
        resolved(validate(TrainConfig, composed("train", *line)))


def test_a_band_of_one_value_stays_finite(root, caplog):
    for path in root.glob("images/*/*"):
        bands = np.load(path)
        bands[..., 1] = 65535
        np.save(path, bands)
    config = config_of(root, "dataset.bands=[1,2]", "dataset.scaling=percentiles")
    section = resolved(config).dataset
    assert "band 2 holds one value, 65535, throughout" in caplog.text
    assert np.isfinite(open_dataset(section, config.labels, "train")[0].image).all()


def test_stats_prints_the_line_to_type(root):
    line = (f"dataset.root={root}", "dataset=folder", "dataset.bands=[1,2,3,4]", "num_workers=0")
    done = seg("prepare", "stats", *line, cwd=root)
    assert done.returncode == 0, done.stderr
    for scaling in ("percentiles", "mean_std"):
        typed = re.search(rf"scaling={scaling} is (.*)", done.stderr + done.stdout)[1]
        config = config_of(root, "dataset.bands=[1,2,3,4]", *shlex.split(typed))
        part = config.dataset.uncounted()
        chosen = config_of(root, "dataset.bands=[1,2,3,4]", f"dataset.scaling={scaling}").dataset
        train = open_dataset(part.model_copy(update={"value_range": None}), config.labels, "train")
        update = counted(chosen, train, "dataset", num_workers=0)
        assert config.dataset.value_range == update["value_range"]
        assert (config.dataset.clip, config.dataset.kind) == (update["clip"], "uint16")
        assert scaling_line(update) == typed
