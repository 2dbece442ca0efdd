"""Outputs of `/v1/predict` of all kinds of networks against the files of `seg.predict`."""

import json
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from seg.data.code_masks import output_masks
from tests.conftest import seg
from tests.prediction.conftest import OF_PYCOCOTOOLS
from tests.serving.applications import app_of, ask, config_of, services_of
from tests.serving.untrained import KINDS, first_image, write_run

pytest.importorskip("rasterio")
pytest.importorskip("shapely")
pytestmark = OF_PYCOCOTOOLS


@pytest.fixture(autouse=True)
def _small_warm_up(monkeypatch):
    """Warm up with small images: 300 classes of large ones take half a minute."""
    from seg.serving import opening

    monkeypatch.setattr(opening, "_WARM_UP_PX", ((64, 64),))


def _answer(run, output, app=None):
    image = first_image(run)
    sent = {"files": {"image": (image.name, image.read_bytes())}}
    answer = ask(app or app_of(run), "POST", f"/v1/predict?output={output}", **sent)
    assert answer.status_code == 200, answer.text
    return answer


def _image(content):
    return np.asarray(Image.open(BytesIO(content)))


def _file(directory, name):
    if (path := directory / f"{name}.png").exists():
        return np.asarray(Image.open(path))
    import rasterio

    with rasterio.open(directory / f"{name}.tif") as file:
        return file.read().transpose(1, 2, 0).squeeze()


def _ids_of_view(view):
    ids = _image(b64decode(view["ids"])).astype(np.int64)
    return ids if ids.ndim == 2 else ids[..., 0] + 256 * ids[..., 1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"exclusive"}))
def test_every_output_is_what_seg_predict_writes(tmp_path, kind):
    coco_mask = pytest.importorskip("pycocotools.mask")
    run, overlaps = write_run(tmp_path / "run", kind), kind == "multi_label"
    name, out = first_image(run).stem, tmp_path / "out"
    formats = "overlay,probabilities,coco,labelme," + ("masks" if overlaps else "labels")
    line = (f"checkpoint={run}", f"input={first_image(run)}", f"output={out}", "engine=torch")
    done = seg("predict", *line, "device=cpu", f"formats=[{formats}]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    app, labels = app_of(run), services_of(run).default.model.labels

    label_HW = _image(_answer(run, "png", app).content)
    if overlaps:  # sets of classes in place of a file a class
        for each, mask_HW in zip(labels.names, output_masks(label_HW, labels), strict=True):
            np.testing.assert_array_equal(_file(out / name, each) > 0, mask_HW)
    else:
        np.testing.assert_array_equal(label_HW, _file(out, name))
    assert label_HW.dtype == (np.uint16 if kind == "300_classes" else np.uint8)
    assert len(np.unique(label_HW)) > 1
    overlay_HW3 = _image(_answer(run, "overlay", app).content)
    np.testing.assert_array_equal(overlay_HW3, _file(out, f"{name}_overlay"))

    with (
        np.load(out / f"{name}.npz") as file,
        np.load(BytesIO(_answer(run, "probabilities", app).content)) as sent,
    ):
        assert sorted(file) == sorted(sent)
        for key in ("classes", "values"):
            np.testing.assert_array_equal(sent[key], file[key])
        scores_HWK = sent["probabilities_HWK"]
        np.testing.assert_allclose(scores_HWK, file["probabilities_HWK"], atol=0.02)

    written = json.loads((out / "annotations.json").read_text())
    document = _answer(run, "coco", app).json()
    assert document["categories"] == written["categories"]
    assert document["annotations"] == written["annotations"]
    shapes = _answer(run, "labelme", app).json()["shapes"]
    assert shapes == json.loads((out / f"{name}.json").read_text())["shapes"]

    runs = _answer(run, "rle", app).json()
    for index, each in enumerate(runs["classes"]):
        is_class_HW = label_HW & each["value"] > 0 if overlaps else label_HW == each["value"]
        is_class_HW = is_class_HW & (label_HW != labels.ignore_index)
        assert (each["id"], each["pixels"]) == (index, is_class_HW.sum())
        if each["rle"] is not None:
            np.testing.assert_array_equal(coco_mask.decode(each["rle"]), is_class_HW)
    view = _answer(run, "view", app).json()
    np.testing.assert_array_equal(_ids_of_view(view), label_HW)
    has_data_HW = ~np.isnan(scores_HWK).any(-1)
    certainty_HW = _image(b64decode(view["probability"]))
    best_HWK = scores_HWK if labels.outputs is None else np.maximum(scores_HWK, 1 - scores_HWK)
    best_HW = best_HWK.max(-1) if labels.outputs is None else best_HWK.min(-1)
    difference = np.abs(certainty_HW / 255 - best_HW)[has_data_HW]
    assert difference.max() < 0.01
    assert not certainty_HW[~has_data_HW].any()


@pytest.mark.slow
def test_networks_of_other_classes_are_compared_each_with_its_own(tmp_path):
    run = write_run(tmp_path / "run", "binary")
    other = write_run(tmp_path / "other" / "run", "exclusive")
    from seg.serving.app import build_app
    from seg.serving.opening import open_services

    config = config_of(run, compare=other)
    app = build_app(open_services(config), config)
    cards = ask(app, "GET", "/v1/models").json()
    assert [each["name"] for each in cards] == ["run", "run_2"]
    assert [each["classes"] for each in cards] == [
        ["background", "object"],
        ["background", "edge", "core"],
    ]
    for query, card in (("rle", cards[0]), ("rle&model=run_2", cards[1])):
        answer = _answer(run, query, app)
        assert answer.headers["x-seg-model"] == card["name"]
        assert [each["name"] for each in answer.json()["classes"]] == card["classes"]


@pytest.mark.slow
def test_an_export_of_labels_of_one_size_says_what_it_lacks(tmp_path):
    pytest.importorskip("onnxruntime")
    run, file = write_run(tmp_path / "run", "binary"), tmp_path / "small.onnx"
    typed = (f"checkpoint={run}", "format=onnx", "size=[64,64]", f"output={file}")
    done = seg("export", *typed, "num_images=1", "device=cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    app = app_of(file)
    expected_HW = services_of(run).default.model.predict(first_image(run))
    sent = {"files": {"image": first_image(run).read_bytes()}}
    answer = ask(app, "POST", "/v1/predict", **sent)
    np.testing.assert_array_equal(_image(answer.content), expected_HW)
    view = ask(app, "POST", "/v1/predict?output=view", **sent).json()
    assert (view["probability"], view["entropy"]) == (None, None)
    answer = ask(app, "POST", "/v1/predict?output=probabilities", **sent)
    assert answer.status_code == 422
    assert "ask for another output, such as output=png" in answer.json()["error"]
    stream = BytesIO()
    Image.new("RGB", (80, 64)).save(stream, "PNG")
    answer = ask(app, "POST", "/v1/predict", files={"image": stream.getvalue()})
    assert answer.status_code == 422
    assert "exported for images of 64 x 64, this one has 64 x 80" in answer.json()["error"]
