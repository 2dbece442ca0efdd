"""Cityscapes' own script, on our archive, finds the IoU that our confusion matrix finds."""

import contextlib
import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

import seg as package
from seg.data.datasets.cityscapes import LABEL_IDS, OFFICIAL
from seg.metrics.confusion import ConfusionMatrix
from tests.prediction.conftest import predict, street

SIZE = (64, 128)


def plant(root):
    """A validation split of four pictures whose labels hold every id that occurs in files."""
    rng = np.random.default_rng(0)
    ids = np.array([id_ for id_, *_ in OFFICIAL if id_ >= 0], np.uint8)
    for number in range(4):
        city = ("bonn", "ulm")[number % 2]
        stem = f"{city}_00000{number}_000019"
        for folder, name, pixels in (
            ("leftImg8bit", "leftImg8bit", street(number, SIZE)),
            ("gtFine", "gtFine_labelIds", rng.choice(ids, SIZE)),
        ):
            path = root / folder / "val" / city / f"{stem}_{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return sorted((root / "gtFine").rglob("*_labelIds.png"))


def test_the_same_iou_of_every_class(checkpoint, tmp_path):
    script = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    truths = plant(tmp_path / "cityscapes")
    source = tmp_path / "cityscapes/leftImg8bit/val"
    done = predict(checkpoint, source, "formats=[cityscapes]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "out/cityscapes.zip") as archive:
        archive.extractall(tmp_path / "sent")

    script.args.predictionPath = str(tmp_path / "sent")
    script.args.predictionWalk = None
    script.args.evalInstLevelScore = False
    script.args.JSONOutput = False
    script.args.quiet = True
    paths = [str(path) for path in truths]
    with contextlib.redirect_stdout(io.StringIO()):
        found = [script.getPrediction(script.args, path) for path in paths]
        theirs = script.evaluateImgLists(found, paths, script.args)

    model = package.load_model(checkpoint)
    ours = ConfusionMatrix(19, 255)
    for truth in truths:
        picture = (
            str(truth).replace("gtFine_labelIds", "leftImg8bit").replace("gtFine", "leftImg8bit")
        )
        with Image.open(truth) as file:
            label_HW = LABEL_IDS.encode(np.asarray(file), truth)
        ours.update(
            torch.from_numpy(model.predict(picture))[None], torch.from_numpy(label_HW)[None]
        )
    iou = dict(zip(model.classes, ours.iou().tolist(), strict=True))
    assert any(value > 0 for value in iou.values())
    for name, value in iou.items():
        assert theirs["classScores"][name] == pytest.approx(value, abs=1e-6, nan_ok=True)
    assert theirs["averageScoreClasses"] == pytest.approx(ours.mean_iou(), abs=1e-6)
