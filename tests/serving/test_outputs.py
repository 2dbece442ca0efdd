"""The outputs of `/v1/predict` against what the network predicts."""

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from seg.config.conf_dir import conf_dir
from seg.data.label_values import label_values
from seg.io.yaml_file import read_yaml
from seg.serving.outputs import PredictQuery
from tests.prediction.conftest import OF_PYCOCOTOOLS
from tests.serving.applications import app_of, ask, services_of

coco_mask = pytest.importorskip("pycocotools.mask")
pytestmark = OF_PYCOCOTOOLS

PIXELS = np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8)


@pytest.fixture(scope="module")
def app(small_run):
    return app_of(small_run)


@pytest.fixture(scope="module")
def label_HW(small_run):
    return services_of(small_run).default.model.predict(PIXELS)


@pytest.fixture(scope="module")
def values(small_run):
    return label_values(services_of(small_run).default.model.labels, "id")


def _png() -> bytes:
    stream = BytesIO()
    Image.fromarray(PIXELS).save(stream, "PNG")
    return stream.getvalue()


def _predict(app, query: str = "", **sent):
    sent = sent or {"files": {"image": ("a/street.png", _png())}}
    return ask(app, "POST", f"/v1/predict?{query}", **sent)


def test_the_png_has_the_values_and_the_palette_of_seg_predict(app, label_HW, values):
    answer = _predict(app)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-seg-size"] == "90x70"
    assert answer.headers["server-timing"].startswith("total;dur=")
    image = Image.open(BytesIO(answer.content))
    np.testing.assert_array_equal(np.asarray(image), values.written(label_HW))
    assert image.mode == "P"
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    np.testing.assert_array_equal(palette, values.palette()[: len(palette)])


def test_a_raw_body_is_answered_as_a_form(app):
    headers = {"Content-Type": "image/png"}
    answer = ask(app, "POST", "/v1/predict", headers, content=_png())
    assert answer.content == _predict(app).content


def test_run_lengths_decode_to_the_labels(app, label_HW, values):
    answer = _predict(app, "output=rle").json()
    assert (answer["width"], answer["height"]) == (90, 70)
    for index, each in enumerate(answer["classes"]):
        assert (each["id"], each["value"]) == (index, values.classes[index])
        mask_HW = label_HW == index
        assert each["pixels"] == mask_HW.sum()
        if each["rle"] is None:
            assert not mask_HW.any()
        else:
            np.testing.assert_array_equal(coco_mask.decode(each["rle"]), mask_HW)


def test_probabilities_are_an_archive_of_half_floats(app, label_HW, values):
    with np.load(BytesIO(_predict(app, "output=probabilities").content)) as archive:
        assert archive["probabilities_HWK"].dtype == np.float16
        assert list(archive["values"]) == list(values.classes)
        assert list(archive["classes"]) == list(values.labels.names)
        assert (archive["probabilities_HWK"].argmax(-1) == label_HW).mean() > 0.99  # ties


def test_coco_holds_the_pixels(app, label_HW, values):
    document = _predict(app, "output=coco").json()
    assert document["images"] == [{"id": 1, "file_name": "street.png", "width": 90, "height": 70}]
    ids = {each["id"]: each["name"] for each in document["categories"]}
    for each in document["annotations"]:
        index = values.labels.names.index(ids[each["category_id"]])
        np.testing.assert_array_equal(coco_mask.decode(each["segmentation"]), label_HW == index)
    assert sum(each["area"] for each in document["annotations"]) == label_HW.size


@pytest.mark.parametrize("output", ["coco&coco_segmentation=polygons", "labelme"])
def test_polygons_lie_in_the_image(app, output):
    pytest.importorskip("shapely")
    document = _predict(app, f"output={output}").json()
    if output == "labelme":
        assert document["imagePath"] == "street.png"
        points = [point for each in document["shapes"] for point in each["points"]]
    else:
        lists = [each["segmentation"] for each in document["annotations"]]
        points = [
            point
            for each in lists
            if isinstance(each, list)
            for point in np.reshape(each[0], (-1, 2))
        ]
    assert points
    points_N2 = np.array(points)
    assert points_N2.min() >= 0
    assert (points_N2 <= (90, 70)).all()


def test_the_overlay_with_opacity_0_is_the_image(app):
    answer = _predict(app, "output=overlay&overlay_opacity=0")
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(answer.content))), PIXELS)


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("output=pgn", ["output=pgn", "labelme", "did you mean png?"]),
        ("outputs=png", ["outputs: no such parameter", "did you mean output?"]),
        ("overlay_opacity=2", ["overlay_opacity=2", "less than or equal to 1"]),
        ("min_area_px=few", ["min_area_px=few", "integer"]),
    ],
)
def test_wrong_parameters_are_named_with_the_allowed_ones(app, query, texts):
    answer = _predict(app, query)
    assert answer.status_code == 422
    for text in texts:
        assert text in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/none", {}, 404),
        ("GET", "/v1/predict", {}, 405),
        ("POST", "/v1/predict?model=none", {"files": {"image": b"1"}}, 404),
        ("GET", "/v1/model?model=none", {}, 404),
        ("POST", "/v1/predict", {}, 415),
        ("POST", "/v1/predict", {"files": {"picture": b"1"}}, 422),
        ("POST", "/v1/predict", {"files": [("image", b"1"), ("image", b"1")]}, 422),
        ("POST", "/v1/predict", {"files": {"image": b""}}, 400),
        ("POST", "/v1/predict", {"json": {"image": "x"}}, 415),
    ],
)
def test_every_error_is_json(app, method, path, sent, status):
    answer = ask(app, method, path, **sent)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("cut", [0, 20, 60, -30, -3])
def test_damaged_forms_are_refused(app, cut):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    form = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        + _png()
        + b"\r\n--x--\r\n"
    )
    assert ask(app, "POST", "/v1/predict", headers, content=form).status_code == 200
    assert ask(app, "POST", "/v1/predict", headers, content=form[:cut]).status_code == 400
    del headers["Content-Type"]
    headers["Content-Type"] = "multipart/form-data"
    assert ask(app, "POST", "/v1/predict", headers, content=form).status_code == 400


def test_defaults_are_those_of_seg_predict():
    conf = read_yaml(conf_dir() / "predict.yaml", "configuration")
    options = ("overlay_opacity", "coco_segmentation", "simplify_tolerance_px", "min_area_px")
    query = PredictQuery()
    assert {each: getattr(query, each) for each in options} == {
        each: conf[each] for each in options
    }


def test_health_the_card_and_the_metrics(app, small_run):
    assert ask(app, "GET", "/healthz").json() == {"alive": True}
    assert ask(app, "GET", "/readyz").json() == {"ready": True}
    card = ask(app, "GET", "/v1/model").json()
    assert card["classes"] == list(services_of(small_run).default.model.labels.names)
    _predict(app)
    text = ask(app, "GET", "/metrics").text
    assert 'seg_requests_total{route="/v1/predict",status="200"}' in text
    for stage in ("decode", "network", "encode"):
        assert f'stage="{stage}"' in text
    assert "seg_queue_images 0.0" in text
    assert "process_resident_memory_bytes" in text


def test_a_network_that_is_not_warm_is_not_ready(app, small_run, monkeypatch):
    monkeypatch.setattr(services_of(small_run).default, "ready", False)
    assert ask(app, "GET", "/readyz").status_code == 503


def test_the_openapi_document_names_the_field_and_the_outputs(app):
    document = ask(app, "GET", "/openapi.json").json()
    operation = document["paths"]["/v1/predict"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image"]
    (output,) = (each for each in operation["parameters"] if each["name"] == "output")
    assert output["schema"]["enum"] == list(PredictQuery.model_fields["output"].annotation.__args__)
    assert {"200", "413", "415", "429"} <= set(operation["responses"])
    assert "cdn" not in json.dumps(document)
