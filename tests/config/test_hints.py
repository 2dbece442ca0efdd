"""An option that another group has is named with that group; each remedy works as it is typed."""

import re

import pytest

from seg.config.hints import hint, options_with
from tests.conftest import seg

SECTIONS = ("optimizer", "trainer", "loader", "dataset", "loss", "augmentation")
CONFIG = 2


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("lr", "did you mean optimizer.lr?"),
        ("learning_rate", "did you mean optimizer.lr?"),
        ("epochs", "did you mean trainer.max_epochs?"),
        ("batch_size", "did you mean loader.batch_size?"),
        ("root", "did you mean dataset=folder dataset.root=DIR?"),
        ("crop", "did you mean augmentation.crop?"),
        ("loss.class_weights", "choose one of them too: loss=cross_entropy loss.class_weights="),
        ("dataset.root", "root is a key of dataset=ade20k, "),
        ("scheduler.gamma", "gamma is a key of scheduler="),
        ("nothing", ""),
        ("loss.nothing", ""),
        ("no-group.x", ""),
    ],
)
def test_where_a_key_does_stand(key, text):
    found = hint(key, SECTIONS)
    assert (text in found) if text else not found


def test_options_with_the_keys_of_their_base():
    assert "aligned_xception_tiny" in options_with("encoder", "multi_grid")


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (("lr=0.1",), "optimizer.lr=0.1"),
        (("+lr=0.1",), "optimizer.lr=0.1"),
        (("+epochs=1",), "trainer.max_epochs=1"),
        (("loss=dice", "loss.class_weights=null"), "loss=cross_entropy"),
        (("loss=dice", "+loss.class_weights=null"), "loss=cross_entropy"),
        (("trainer.gradient_clip_algorithm=norm",), "+trainer.gradient_clip_algorithm=norm"),
    ],
)
def test_the_remedy_works(given, remedy, tmp_path):
    done = seg("train", *given, cwd=tmp_path)
    assert done.returncode == CONFIG, done.stderr
    offered = re.escape(remedy.rpartition("=")[0] if "." in remedy else remedy)
    assert re.search(offered, done.stderr), done.stderr
    assert len(done.stderr.strip().splitlines()) <= 6
    assert "write +" not in done.stderr or remedy.startswith("+")
    kept = [each for each in given if "loss.class_weights" in each]
    line = [*(each.lstrip("+") for each in kept), remedy]
    done = seg("train", *line, "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
