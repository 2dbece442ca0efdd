"""300 classes from 16-bit label files to predictions of 16 bits, by the commands users type."""

import json

import numpy as np
import pytest
from PIL import Image

import seg as package
from tests.conftest import seg
from tests.wide_tree import COUNT, IGNORED, ids_of, plant

pytestmark = pytest.mark.slow
SPLIT = {"blocks": (12, 16), "block_px": 8, "border_px": 2}


def typed(command, *arguments, cwd):
    done = seg(command, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    where = tmp_path_factory.mktemp("many")
    plant(where / "set", "train", count=120, **SPLIT)
    plant(where / "set", "val", count=6, seed=1, **SPLIT)
    return where


@pytest.fixture(scope="module")
def run(root):
    typed(
        "train",
        f"dataset.root={root / 'set'}",
        *("dataset=folder", "encoder=aligned_xception_micro", "augmentation=none"),
        *("loader.batch_size=2", "loader.num_workers=0", "trainer.accelerator=cpu"),
        *("trainer.max_epochs=2", "trainer.check_val_every_n_epoch=2"),
        *("optimizer.lr=2e-2", "scheduler=one_cycle", f"hydra.run.dir={root / 'run'}"),
        cwd=root,
    )
    return root / "run"


def test_the_set_is_verified_and_counted(root):
    source = ("dataset=folder", f"dataset.root={root / 'set'}")
    said = typed("prepare", "verify", *source, f"hydra.run.dir={root / 'verify'}", cwd=root)
    assert "faults: none" in said
    assert "120 labels of train are 16-bit files" in said
    typed("prepare", "stats", *source, "splits=[val]", f"hydra.run.dir={root / 'stats'}", cwd=root)
    counted = json.loads((root / "stats/stats.json").read_text())["val"]
    ids = np.stack([ids_of(root / "set", "val", at) for at in range(6)])
    assert counted["pixels"] == np.bincount(ids[ids != IGNORED], minlength=COUNT).tolist()


def test_what_is_easy_to_see_is_learnt(run):
    scores = json.loads((run / "metrics.json").read_text())
    assert scores["val/miou"] > 0.8
    assert sum(key.startswith("val/iou/") for key in scores) == COUNT
    assert (run / "report.html").stat().st_size < 3 * 2**20


def test_an_evaluation_has_the_scores_of_the_label_files(root, run):
    typed("evaluate", f"checkpoint={run}", f"hydra.run.dir={root / 'evaluation'}", cwd=root)
    evaluation = json.loads((root / "evaluation/evaluation.json").read_text())
    assert evaluation["protocol"]["ignore_index"] == IGNORED
    model = package.load_model(run)
    counts = np.zeros((COUNT, COUNT), np.int64)
    for at in range(6):
        label = ids_of(root / "set", "val", at)
        prediction = model.predict(root / f"set/images/val/{at:03d}.png")
        counted = label != IGNORED
        np.add.at(counts, (label[counted], prediction[counted]), 1)
    assert evaluation["confusion"] == counts.tolist()


def test_predictions_are_files_of_16_bits(root, run):
    typed(
        "predict",
        *(f"checkpoint={run}", f"input={root / 'set/images/val'}", f"output={root / 'out'}"),
        "formats=[labels,overlay,areas,coco]",
        cwd=root,
    )
    model = package.load_model(run)
    areas = (root / "out/areas.csv").read_text()
    assert areas.count("\n") == 6 * COUNT + 1
    for at in range(6):
        label = model.predict(root / f"set/images/val/{at:03d}.png")
        assert label.dtype == np.uint16
        assert label.max() > 255
        with Image.open(root / f"out/{at:03d}.png") as file:
            assert file.mode == "I;16"
            np.testing.assert_array_equal(np.asarray(file), label)
    annotations = json.loads((root / "out/annotations.json").read_text())
    found = {each["category_id"] for each in annotations["annotations"] if each["image_id"] == 6}
    assert found == set(np.unique(label).tolist())


@pytest.mark.parametrize("kind", ["labels", "logits"])
def test_plain_onnx_runtime_gives_the_same_labels(root, run, kind):
    runtime = pytest.importorskip("onnxruntime")
    path = root / f"{kind}.onnx"
    typed(
        "export",
        *(f"checkpoint={run}", "format=onnx", f"output_kind={kind}", f"output={path}"),
        cwd=root,
    )
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    model = package.load_model(run)
    image = np.asarray(Image.open(root / "set/images/val/000.png"))
    (found,) = session.run(None, {"image": image.transpose(2, 0, 1)[None].astype(np.float32)})
    if kind == "labels":
        card = json.loads(path.with_name(f"{path.name}.json").read_text())
        assert (found.dtype, card["usage"]["output"]["type"]) == (np.int32, "int32")
        assert (found[0] == model.predict(image)).mean() > 0.9999
    else:
        assert found.shape[1] == COUNT
    loaded = package.load_model(path)
    assert loaded.predict(image).dtype == np.uint16
    assert (loaded.predict(image) == model.predict(image)).mean() > 0.9999
