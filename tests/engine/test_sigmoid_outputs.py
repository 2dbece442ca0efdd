"""Trainings of sigmoid outputs, from files to scores."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from seg.build.models import load_model
from seg.data.label_space import LabelSpace
from seg.metrics.mask_scores import BINS
from seg.training.checkpoint import read_checkpoint
from tests.conftest import seg
from tests.data.overlapping_masks import write_nested, write_overlapping

SHORT = (
    "encoder=aligned_xception_micro",
    "augmentation.crop=[64,64]",
    "loader.batch_size=4",
    "loader.num_workers=0",
    "trainer.accelerator=cpu",
    "callbacks.gif=null",
)
MASKS = (
    "dataset=folder",
    "dataset.images='images/{split}/*.png'",
    "dataset.labels='masks/{split}/{class}/{stem}.png'",
    "labels.mode=multi_label",
)


@pytest.mark.slow
def test_classes_that_overlap_are_learnt_scored_and_evaluated(tmp_path):
    write_overlapping(tmp_path / "set")
    line = ["dataset.root=set", "loss=bce_dice", "labels.thresholds=best_dice", *MASKS, *SHORT]
    done = seg("train", *line, "trainer.max_steps=60", "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    trained = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert min(trained["val/dice/disk"], trained["val/dice/bar"]) > 0.9

    checkpoint = read_checkpoint(tmp_path / "run")
    assert checkpoint.labels.mode == "multi_label"
    assert checkpoint.labels.names == ("bar", "disk")
    thresholds = checkpoint.labels.thresholds
    assert all((BINS * threshold).is_integer() for threshold in thresholds)
    assert load_model(tmp_path / "run").labels.thresholds == thresholds

    done = seg("evaluate", "checkpoint=run", "device=cpu", "hydra.run.dir=again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    scores = {key for key in trained if key.startswith("val/")}
    assert {key: again[key] for key in scores} == pytest.approx({k: trained[k] for k in scores})
    record = json.loads((tmp_path / "again" / "evaluation.json").read_text())
    assert record["outputs"]["thresholds"] == list(thresholds)
    for kind in ("iou", "dice", "precision", "recall", "average_precision", "boundary_iou", "ece"):
        for name in ("bar", "disk"):
            low, high = record["intervals"][f"val/{kind}/{name}"]
            assert low <= record["scores"][f"val/{kind}/{name}"] <= high
    assert (tmp_path / "again" / "report.html").is_file()

    typed = ["checkpoint=run", "input=set/images/val", "output=out", "device=cpu"]
    done = seg("predict", *typed, cwd=tmp_path)
    assert done.returncode == 2
    assert "formats=labels: classes overlap" in done.stderr
    done = seg("predict", *typed, "formats=[masks,overlay,areas,coco,probabilities]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_masks_fit(tmp_path / "out", tmp_path / "set/masks/val")
    assert_plain_runtime_gives_the_masks(tmp_path)

    typed = ["checkpoint=run", "device=cpu", "labels.thresholds=0.99", "inference=sliding"]
    done = seg("evaluate", *typed, "inference.window=[48,48]", "hydra.run.dir=strict", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    strict = json.loads((tmp_path / "strict" / "metrics.json").read_text())
    assert strict["val/recall/disk"] < again["val/recall/disk"]
    done = seg("evaluate", "checkpoint=run", "labels.thresholds=best_dice", cwd=tmp_path)
    assert done.returncode == 2
    assert "chosen in training" in done.stderr


def assert_masks_fit(written, drawn):
    """Each class of each image is found, and says so in every format."""
    rows = [row.split(",") for row in (written / "areas.csv").read_text().split()]
    areas = {(image, name): pixels for image, _, name, pixels, _ in rows}
    for name in ("bar", "disk"):
        for path in sorted((drawn / name).iterdir()):
            predicted, mask = (
                np.array(Image.open(each)) > 0
                for each in (written / path.stem / f"{name}.png", path)
            )
            assert 2 * (predicted & mask).sum() > 0.8 * (predicted.sum() + mask.sum())
            assert int(areas[path.stem, name]) == predicted.sum()


def assert_plain_runtime_gives_the_masks(directory):
    onnxruntime = pytest.importorskip("onnxruntime")
    done = seg("export", "checkpoint=run", "format=onnx", "device=cpu", cwd=directory)
    assert done.returncode == 0, done.stderr
    file = directory / "run/export/onnx_fp32_labels.onnx"
    classes = json.loads(file.with_name(f"{file.name}.json").read_text())["classes"]
    session = onnxruntime.InferenceSession(file)
    for path in sorted((directory / "set/images/val").iterdir()):
        image = np.array(Image.open(path).convert("RGB"), np.float32).transpose(2, 0, 1)[None]
        (masks_BKHW,) = session.run(None, {"image": image})
        for mask_HW, entry in zip(masks_BKHW[0], classes, strict=True):
            written = Image.open(directory / "out" / path.stem / f"{entry['name']}.png")
            np.testing.assert_array_equal(mask_HW == 1, np.array(written) > 0)


@pytest.mark.slow
def test_regions_and_a_foreground_are_trained_on_exclusive_labels(tmp_path):
    write_nested(tmp_path / "set")
    regions = ["labels.regions={whole: [edge, core], inner: [core]}", "loss=bce"]
    foreground = ["labels.mode=binary", "labels.merge={object: [edge, core]}", "loss=dice"]
    for name, options, outputs in (
        ("regions", regions, ("whole", "inner")),
        ("binary", foreground, ("object",)),
    ):
        line = ["dataset=folder", "dataset.root=set", *options, *SHORT, "trainer.max_steps=4"]
        done = seg("train", *line, f"hydra.run.dir={name}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        labels = read_checkpoint(tmp_path / name).labels
        assert (labels.mode, labels.output_names) == (name, outputs)
        model = load_model(tmp_path / name)
        image = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
        assert model.forward_image(image).values.shape[1] == len(outputs)
        done = seg("evaluate", f"checkpoint={name}", f"hydra.run.dir={name}_e", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        scores = json.loads((tmp_path / f"{name}_e" / "metrics.json").read_text())
        assert {f"val/iou/{output}" for output in outputs} <= scores.keys()
    assert LabelSpace.from_dict(labels.to_dict()) == labels


def test_a_loss_that_does_not_fit_is_refused_with_those_that_do(tmp_path):
    write_nested(tmp_path / "set", train=2, val=2)
    line = ["dataset=folder", "dataset.root=set", *SHORT, "trainer.max_steps=1"]
    done = seg(
        "train",
        *line,
        "labels.regions={all: [edge, core]}",
        "labels.region_order=[core]",
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "loss: CrossEntropy is none for labels.mode=regions" in done.stderr
    assert "loss=bce, bce_dice, dice, focal, jaccard, lovasz_hinge, tversky" in done.stderr
    done = seg("train", *line, "loss=bce", cwd=tmp_path)
    assert done.returncode == 2
    assert "loss: BinaryCrossEntropy is none for labels.mode=exclusive" in done.stderr
