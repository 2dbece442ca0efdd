"""A frame a validation, also of a run that was cut off; at the end an animation of them."""

import signal

import numpy as np
import pytest
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.errors import ConfigError
from seg.training.callbacks.prediction_gif import LearningGif, frame, write_gif
from tests.assembled import parts_of
from tests.conftest import SMALL, seg

LABELS = LabelSpace.identity(("a", "b"), ((200, 0, 0), (0, 0, 200)))


def frames(folder):
    return sorted(path.stem for path in (folder / "learning").iterdir())


def test_a_training_leaves_frames_and_an_animation(small_run):
    assert frames(small_run) == ["000000004", "000000008"]
    with Image.open(small_run / "learning.gif") as animation:
        assert animation.n_frames == 2
        assert animation.info["loop"] == 0
        assert animation.width == 3 * (192 + 6) - 6 + 2 * 6
        assert animation.height == 22 + 2 * (96 + 6)


@pytest.mark.slow
def test_a_run_that_goes_on_goes_on_with_its_frames(tmp_path):
    line = (*SMALL, "trainer.max_epochs=3", "hydra.run.dir=run")
    first = seg("train", *line, cwd=tmp_path, fault="signal_at:SIGTERM:training_step:7")
    assert first.returncode == 128 + signal.SIGTERM, first.stderr
    before = (tmp_path / "run/learning/000000004.png").read_bytes()
    (tmp_path / "run/learning/000000011.png").write_bytes(b"from a time that comes anew")
    second = seg("train", "resume=run", cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert frames(tmp_path / "run") == ["000000004", "000000008", "000000012"]
    assert (tmp_path / "run/learning/000000004.png").read_bytes() == before
    with Image.open(tmp_path / "run/learning.gif") as animation:
        assert animation.n_frames == 3


def test_a_frame_shows_image_label_and_prediction():
    label_HW = np.zeros((16, 32), np.uint8)
    label_HW[:, 16:] = 1
    label_HW[0] = 255
    sample = Sample("x", np.full((16, 32, 3), 90, np.uint8), label_HW)
    drawn = np.asarray(frame([sample], [1 - label_HW % 2], LABELS, tile_px=32, title="t", done=0.5))
    tiles = [drawn[22:38, 6 + 38 * place : 38 + 38 * place] for place in range(3)]
    assert (tiles[0] == 90).all()
    assert np.array_equal(tiles[1], LABELS.colorize(label_HW))
    assert np.array_equal(tiles[2], LABELS.colorize(1 - label_HW % 2))


def test_few_colors_stay_what_they_are(tmp_path):
    paths = []
    for place in range(3):
        picture = np.zeros((20, 20, 3), np.uint8)
        picture[:, : 5 * place + 3] = LABELS.palette[1]
        picture[:4] = LABELS.palette[0]
        paths.append(tmp_path / f"{place}.png")
        Image.fromarray(picture).save(paths[-1])
    write_gif(tmp_path / "x.gif", paths)
    with Image.open(tmp_path / "x.gif") as animation:
        for place, path in enumerate(paths):
            animation.seek(place)
            assert np.array_equal(animation.convert("RGB"), Image.open(path))


def test_long_runs_keep_a_bounded_number_of_frames(tmp_path):
    run = parts_of(
        tmp_path,
        "trainer.max_epochs=5",
        "dataset.train_length=4",
        "callbacks.gif.frames=2",
        "callbacks.gif.samples=1",
    )
    run.trainer.fit(run.task, datamodule=run.data)
    kept = frames(tmp_path)
    assert len(kept) <= 4 and kept[0] == "000000001" and kept[-1] == "000000005"
    with Image.open(tmp_path / "learning.gif") as animation:
        assert animation.n_frames == 2


@pytest.mark.parametrize(
    "wrong", [{"samples": 0}, {"samples": 1, "tile_px": 8}, {"samples": 1, "frames": 1}]
)
def test_impossible_choices_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"callbacks\.gif\."):
        LearningGif(**wrong)
