"""Images of more than 8 bits: refused, or scaled alike by training, evaluation and prediction."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

import seg as package
from seg.data.readers.readers import read_image
from seg.data.readers.value_range import ImageDecoding
from tests.conftest import seg

DECLARED = "dataset.value_range=[0,4095]"
FEW = (
    *("augmentation.crop=[32,32]", "loader.batch_size=2", "loader.num_workers=0"),
    *("trainer.max_epochs=1", "trainer.accelerator=cpu", "callbacks=default"),
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """12-bit images in 16-bit files: what is bright is of class 1."""
    root = tmp_path_factory.mktemp("deep")
    draws = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for number in range(count):
            label = np.kron(draws.integers(0, 2, (4, 4)), np.ones((12, 12), int)).astype(np.uint8)
            deep = draws.integers(0, 700, (48, 48, 3)) + 3000 * label[..., None].astype(int)
            cv2.imwrite(str(root / f"images/{split}/{number}.png"), deep.astype(np.uint16))
            Image.fromarray(label).save(root / f"labels/{split}/{number}.png")
    return root


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    home = tmp_path_factory.mktemp("run")
    options = ("dataset=folder", f"dataset.root={images}", DECLARED, *FEW)
    done = seg("train", *options, f"hydra.run.dir={home / 'run'}", cwd=home)
    assert done.returncode == 0, done.stderr
    return home / "run"


def test_training_refuses_without_a_range(images, tmp_path):
    done = seg("train", "dataset=folder", f"dataset.root={images}", *FEW, cwd=tmp_path)
    assert done.returncode == 3
    assert "16-bit values" in done.stderr
    assert DECLARED in done.stderr


@pytest.mark.slow
def test_verify_names_the_range_that_was_seen(images, tmp_path):
    done = seg("prepare", "verify", "dataset=folder", f"dataset.root={images}", cwd=tmp_path)
    values = [cv2.imread(str(path), -1) for path in images.glob("images/*/*.png")]
    low, high = min(each.min() for each in values), max(each.max() for each in values)
    said = done.stdout + done.stderr
    assert f"16-bit values from {low} to {high}" in said
    assert DECLARED in said


@pytest.mark.slow
def test_verify_counts_what_a_declared_range_cuts_off(images, tmp_path):
    options = ("dataset=folder", f"dataset.root={images}", "dataset.value_range=[0,3000]")
    done = seg("prepare", "verify", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "beyond dataset.value_range=[0,3000]" in done.stdout + done.stderr


def test_prediction_sees_what_training_saw(images, run, tmp_path):
    file = images / "images/val/0.png"
    model = package.load_model(run)
    assert model.decoding == ImageDecoding((0, 4095), kind="uint16")
    image = read_image(file, decoding=model.decoding)
    assert len(np.unique(image)) > 80
    done = seg("predict", f"checkpoint={run}", f"input={file}", "output=out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    predicted = np.asarray(Image.open(tmp_path / "out/0.png"))
    np.testing.assert_array_equal(predicted, model.predict(cv2.imread(str(file), -1)[..., ::-1]))
    np.testing.assert_array_equal(predicted, model.predict(file))
    with pytest.raises(ValueError, match=r"predict takes .* a uint16 array"):
        model.predict(Image.new("RGB", (9, 9)))


@pytest.mark.slow
def test_an_export_sees_what_training_saw(images, run, tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    file = images / "images/val/0.png"
    options = (f"checkpoint={run}", "format=onnx", f"output={tmp_path / 'a.onnx'}", "num_images=1")
    done = seg("export", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "a.onnx.json").read_text())
    assert card["checkpoint"]["config"]["dataset"]["value_range"] == [0, 4095]
    exported = package.load_model(tmp_path / "a.onnx")
    assert exported.decoding == ImageDecoding((0, 4095), kind="uint16")
    labels = package.load_model(run).predict(file)
    np.testing.assert_array_equal(exported.predict(file), labels)


@pytest.mark.slow
def test_classifiers_take_a_range(images, tmp_path):
    for split in ("train", "val"):
        for number, path in enumerate(sorted(images.glob(f"images/{split}/*.png"))):
            copy = tmp_path / f"classes/{split}/{'ab'[number % 2]}/{number}.png"
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    line = (
        *(
            "classification_dataset=image_folder",
            f"classification_dataset.root={tmp_path / 'classes'}",
        ),
        *("dry_run=true", "loader.batch_size=2", "loader.num_workers=0", "trainer.accelerator=cpu"),
    )
    done = seg("pretrain", *line, cwd=tmp_path)
    assert done.returncode == 3
    assert "classification_dataset.value_range=[0,4095]" in done.stderr
    done = seg("pretrain", *line, "classification_dataset.value_range=[0,4095]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_evaluation_sees_what_training_saw(images, run, tmp_path):
    table = tmp_path / "samples.csv"
    files = [images / f"{kind}/val/{n}.png" for n in (0, 1) for kind in ("images", "labels")]
    rows = [f"{files[0]},{files[1]},val", f"{files[2]},{files[3]},val"]
    table.write_text("\n".join(["image,label,split", *rows]))
    classes = tmp_path / "classes.json"
    classes.write_text(json.dumps(list(package.load_model(run).classes)))
    scores = []
    for options in ((), ("dataset=csv", f"dataset.table={table}", f"dataset.classes={classes}")):
        output = f"hydra.run.dir={tmp_path / str(len(scores))}"
        done = seg("evaluate", f"checkpoint={run}", "device=cpu", *options, output, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        found = json.loads((tmp_path / str(len(scores)) / "evaluation.json").read_text())
        scores.append(found["scores"])
    assert scores[0] == scores[1]


def test_a_network_of_deep_images_refuses_plain_ones(run, tmp_path):
    Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save(tmp_path / "a.png")
    line = (f"checkpoint={run}", f"input={tmp_path / 'a.png'}", "output=out")
    done = seg("predict", *line, cwd=tmp_path)
    assert done.returncode == 3
    reason = "image holds uint8 values, and dataset.kind=uint16 is declared"
    assert reason in done.stdout + done.stderr


@pytest.mark.parametrize("declared", ["[4095,0]", "[0,.inf]", "[1]"])
def test_ranges_that_are_none(images, tmp_path, declared):
    options = ("dataset=folder", f"dataset.root={images}", f"dataset.value_range={declared}")
    done = seg("train", *options, *FEW, cwd=tmp_path)
    assert done.returncode == 2
    assert "dataset.value_range" in done.stderr


def test_sharded_copies_remember_it(images, tmp_path):
    pytest.importorskip("litdata")
    folder = ("dataset=folder", f"dataset.root={images}", DECLARED)
    done = seg("prepare", "shards", *folder, "output=copy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    copy = ("dataset=shards", f"dataset.root={tmp_path / 'copy'}", "dry_run=true", *FEW)
    done = seg("train", *copy, cwd=tmp_path)
    assert done.returncode == 2
    assert DECLARED in done.stderr
    assert seg("train", *copy, DECLARED, cwd=tmp_path).returncode == 0
