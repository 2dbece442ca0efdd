"""`python -m seg.prepare`, as a user types it."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SMALL, seg

CONFIG, DATA = 2, 3
HEIGHT, WIDTH = 40, 56


@pytest.fixture
def folder(tmp_path):
    """Own pictures of two classes, eight to train on and four to validate with."""
    rng = np.random.default_rng(0)
    root = tmp_path / "mine"
    for split, count in (("train", 8), ("val", 4)):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for index in range(count):
            noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(noise).save(root / f"images/{split}/{index}.png")
            label = np.zeros((HEIGHT, WIDTH), np.uint8)
            label[rng.integers(5, 30) :] = 1
            Image.fromarray(label).save(root / f"labels/{split}/{index}.png")
    (root / "classes.json").write_text(json.dumps(["sky", "ground"]))
    return root


def prepare(task, folder, *arguments):
    line = (task, "dataset=folder", f"dataset.root={folder}", "hydra.run.dir=out", *arguments)
    return seg("prepare", *line, cwd=folder.parent)


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


def trained_on(folder, *arguments):
    """A short training of two steps an epoch; the lines it leaves on the terminal."""
    small = [each for each in SMALL if not each.startswith("dataset.")]
    crop = ("augmentation.crop=[33,49]", "loader.batch_size=2", "trainer.max_epochs=1")
    line = ("dataset=folder", f"dataset.root={folder}", *small, *crop, *arguments)
    return seg("train", *line, cwd=folder.parent)


@pytest.mark.slow
def test_faults_are_told_and_the_sound_rest_trains(folder):
    (folder / "labels/train/3.png").unlink()
    Image.fromarray(np.full((HEIGHT, WIDTH), 9, np.uint8)).save(folder / "labels/train/5.png")
    refused = trained_on(folder)
    assert refused.returncode == DATA
    assert "3.png" in refused.stderr

    done = prepare("verify", folder, "num_workers=1")
    assert done.returncode == DATA
    assert "Traceback" not in done.stderr
    assert "9 (2240 pixels)" in done.stdout
    assert done.stdout.strip().endswith("verify.json")
    report = json.loads((folder.parent / "out/verify.json").read_text())
    assert {fault["kind"] for fault in report["faults"]} == {"no_annotation", "unknown_values"}

    run = trained_on(folder, "dataset.exclude=out/verify.json", "hydra.run.dir=run")
    assert run.returncode == 0, run.stderr
    assert "val/miou" in json.loads((folder.parent / "run/metrics.json").read_text())

    again = prepare("verify", folder, "dataset.exclude=out/verify.json", "hydra.run.dir=again")
    assert again.returncode == 0, again.stderr
    assert "faults: none" in again.stdout


@pytest.mark.slow
def test_statistics_fill_the_class_weights(folder):
    done = prepare("stats", folder)
    assert done.returncode == 0, done.stderr
    stats = json.loads((folder.parent / "out/stats.json").read_text())
    assert stats["train"]["classes"] == ["sky", "ground"]
    assert sum(stats["train"]["frequencies"]) == pytest.approx(1)
    assert size_of(folder.parent / "out/stats_val.png")[0] > 400

    run = trained_on(folder, "loss.class_weights=auto", "hydra.run.dir=run")
    assert run.returncode == 0, run.stderr
    weights = stats["train"]["median_frequency_weights"]
    from seg.training.checkpoint import read_checkpoint

    kept = read_checkpoint(folder.parent / "run").config["loss"]["class_weights"]
    assert kept == pytest.approx(weights, abs=1e-4)


def test_preview_shows_both_splits(folder):
    done = prepare("preview", folder, "samples=3", "augmentation.crop=[32,48]")
    assert done.returncode == 0, done.stderr
    for split in ("train", "val"):
        assert size_of(folder.parent / f"out/preview_{split}.png")[0] > 300
        page = (folder.parent / f"out/preview_{split}.html").read_text()
        assert page.count("<figure>") == 3
    assert "48 x 32" in (folder.parent / "out/preview_train.html").read_text()


@pytest.mark.slow
def test_shards_train_to_the_same_weights(folder):
    done = prepare("shards", folder, "output=copy", "num_workers=0")
    assert done.returncode == 0, done.stderr
    assert "8 samples" in done.stdout
    metrics = []
    for name, source in (
        ("files", (f"dataset.root={folder}", "dataset=folder")),
        ("copy", ("dataset.root=copy", "dataset=shards")),
    ):
        run = trained_on(folder, *source, f"hydra.run.dir={name}")
        assert run.returncode == 0, run.stderr
        read = json.loads((folder.parent / name / "metrics.json").read_text())
        metrics.append({key: value for key, value in read.items() if key.startswith("val/")})
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["veryfy"], CONFIG, ["veryfy", "allowed: detect, verify, "]),
        (["shards"], CONFIG, ["output: missing"]),
        (
            ["download", "dataset=cityscapes"],
            CONFIG,
            ["not for download", "cityscapes-dataset.com"],
        ),
        (["stats", "encoder=xception"], CONFIG, ["encoder: has no part here"]),
        (["stats", "dataset=camvid", "dataset.root=/none"], DATA, ["/none", "trainannot"]),
        (["stats", "+dataset.rot=x"], CONFIG, ["dataset.rot", "no such"]),
        (["stats", "labels.merge={traffic:[car,boat]}"], CONFIG, ["boat"]),
        (["stats", "labels.merg={}"], CONFIG, ["labels.merg", "did you mean merge?"]),
        (["stats", "dataset.exclude=/none.json"], DATA, ["/none.json"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_errors_are_short_and_say_what_to_do(arguments, code, parts, tmp_path):
    done = seg("prepare", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.strip().splitlines()) <= 8, done.stderr
    for part in parts:
        assert part in done.stderr
