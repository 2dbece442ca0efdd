"""Label Studio's conversations with its ML backend, with the server as a user starts it."""

import base64
import json
import os
import subprocess
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image

import seg
from seg.data.datasets.streets import Streets
from seg.data.readers.brush_rle import decode_brush
from tests.serving.conftest import serving
from tests.serving.label_studio_host import LEGACY, file_host

pytest.importorskip("shapely")

SIZE = (70, 90)
SETUP = {"project": "3.1764500000", "hostname": "http://localhost:9", "extra_params": None}
_DECODE = """
import json, sys
import numpy as np
from label_studio_sdk.converter.brush import decode_from_annotation
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue
config, predictions, out = json.load(sys.stdin)
interface = LabelInterface(config)
for each in predictions:
    value = PredictionValue(**each)
    assert interface.validate_prediction({"model_version": "a", "score": 0.5, **each}), each
flat = [{**each, **each["value"]} for each in predictions[0]["result"]]
np.savez(out, **decode_from_annotation("brush", flat))
"""


def png(image):
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def data_uri(content):
    return "data:image/png;base64," + base64.b64encode(content).decode()


def view(tags, names, image="value='$image'"):
    labels = "".join(f"<Label value='{name.upper()}'/>" for name in names)
    drawn = "".join(f"<{tag} name='{tag}' toName='image'>{labels}</{tag}>" for tag in tags)
    return f"<View><Image name='image' {image}/>{drawn}</View>"


@pytest.fixture(scope="module")
def image():
    return Image.fromarray(Streets(split="test", size=SIZE, test_length=1)[0].image)


@pytest.fixture(scope="module")
def host():
    with file_host() as host:
        yield host


@pytest.fixture(scope="module")
def backend(small_run, host):
    options = (f"label_studio.url={host.url}", f"label_studio.token={LEGACY}")
    exact = "label_studio.min_area_px=0"
    with (
        serving(f"checkpoint={small_run}", *options, exact) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def model(small_run):
    return seg.load_model(small_run)


def predict(backend, config, *data, **body):
    tasks = [{"id": number, "data": each} for number, each in enumerate(data, 1)]
    params = {"login": None, "password": None, "context": None}
    body = {"tasks": tasks, "label_config": config, "params": params, "project": "3.1", **body}
    answer = backend.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["results"]) == len(data)
    return answer.json()["results"]


def drawn(results, names, size=SIZE):
    """The strokes as a label map, decoded by the reader of Label Studio's exports."""
    label_HW = np.full(size, 255, np.uint8)
    for each in results:
        assert (each["original_width"], each["original_height"]) == size[::-1]
        alpha_HW, _ = decode_brush(bytes(each["value"]["rle"]), size[::-1], "stroke")
        assert set(np.unique(alpha_HW)) <= {0, 255}
        assert (label_HW[alpha_HW > 0] == 255).all()
        (name,) = each["value"]["brushlabels"]
        label_HW[alpha_HW > 0] = names.index(name.lower())
    return label_HW


def test_a_project_is_connected_and_predicted(backend, host, model, image):
    names = list(model.classes)
    assert backend.get("/health").json()["status"] == "UP"
    config = view(["BrushLabels"], names[1:])
    setup = backend.post("/setup", json={**SETUP, "schema": config, "access_token": "x"}).json()
    version = setup["model_version"]
    assert setup["left_out"] == [names[0]]
    assert backend.get("/versions").json() == {"versions": [version]}
    host.files["/data/upload/3/ab12cd34-a.png"] = png(image)
    (prediction,) = predict(backend, config, {"image": "/data/upload/3/ab12cd34-a.png"})
    assert prediction["model_version"] == version
    assert 0 < prediction["score"] <= 1
    results = prediction["result"]
    assert [each["id"] for each in results] == [str(at + 1) for at in range(len(results))]
    assert {(each["type"], each["from_name"], each["to_name"]) for each in results} == {
        ("brushlabels", "BrushLabels", "image")
    }
    assert all(0 < each["score"] <= 1 for each in results)
    expected = model.predict(image)
    expected[expected == 0] = 255  # it has no label
    assert (drawn(results, names) == expected).mean() > 0.999


def test_a_bad_image_fails_alone_and_is_asked_for_again(backend, host, model, image):
    config = view(["BrushLabels"], model.classes)
    good = {"image": data_uri(png(image))}
    host.files["/data/upload/3/cut.png"] = png(image)[:200]
    bad = [
        *({"image": "s3://bucket/a.png"}, {"image": "/data/upload/3/cut.png"}, {"photo": "x"}),
        *({"image": "/data/upload/3/none.png"}, {"image": data_uri(b"no image")}, {}),
    ]
    first, *failed, last = predict(backend, config, good, *bad, good)
    assert first == last
    assert first["result"]
    assert "error" not in first
    for each in failed:
        assert each["result"] == []
        assert each["error"]
        assert each["model_version"] == f"{first['model_version']} (failed)"
    assert "read are data: addresses" in failed[0]["error"]
    assert "they have: photo" in failed[2]["error"]


def test_images_are_upright_as_label_studio_shows_them(backend, model, image):
    turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = turned.getexif()
    exif[0x0112] = 6
    file = BytesIO()
    turned.save(file, "PNG", exif=exif)
    config = view(["BrushLabels"], model.classes)
    upright, turned_back = predict(
        backend, config, {"image": data_uri(png(image))}, {"image": data_uri(file.getvalue())}
    )
    assert upright == turned_back


def test_polygons_cover_the_image_without_holes(backend, model, image):
    shapely = pytest.importorskip("shapely")
    config = view(["PolygonLabels"], model.classes)
    (prediction,) = predict(backend, config, {"image": data_uri(png(image))})
    polygons = []
    for each in prediction["result"]:
        assert each["type"] == "polygonlabels"
        assert each["value"]["closed"] is True
        polygons.append(shapely.Polygon(each["value"]["points"]))
    assert all(polygon.is_valid for polygon in polygons)
    assert sum(polygon.area for polygon in polygons) == pytest.approx(100 * 100, rel=1e-3)


def test_rectangles_hold_their_regions(backend, model, image):
    config = view(["RectangleLabels"], model.classes)
    strokes = view(["BrushLabels"], model.classes)
    uri = {"image": data_uri(png(image))}
    boxes = predict(backend, config, uri)[0]["result"]
    for box, stroke in zip(boxes, predict(backend, strokes, uri)[0]["result"], strict=True):
        alpha_HW, _ = decode_brush(bytes(stroke["value"]["rle"]), SIZE[::-1], "stroke")
        rows, columns = np.nonzero(alpha_HW)
        value = {key: box["value"][key] for key in ("x", "y", "width", "height")}
        sides = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        shares = [side * 100 / whole for side, whole in zip(sides, SIZE[::-1] * 2, strict=True)]
        assert list(value.values()) == pytest.approx(shares, abs=1e-5)


def test_a_list_of_images_numbers_its_results(backend, model, image):
    config = view(["BrushLabels"], model.classes, "valueList='$images'")
    uris = [data_uri(png(image)), data_uri(png(image.rotate(180)))]
    (prediction,) = predict(backend, config, {"images": uris})
    assert {each["item_index"] for each in prediction["result"]} == {0, 1}
    ids = [each["id"] for each in prediction["result"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/setup", {"schema": "<View/>"}, "without an <Image"),
        ("/setup", {}, "schema: Field required"),
        ("/predict", {"tasks": [], "label_config": "<View"}, "no valid XML"),
        ("/predict", {"tasks": 3, "label_config": "<View/>"}, "tasks: "),
        ("/predict", [], "POST /predict: body is damaged"),
        ("/webhook", {"action": "START_TRAINING"}, "this server does not train"),
        ("/webhook", {}, "action: Field required"),
    ],
)
def test_what_cannot_be_answered_is_refused(backend, path, body, reason):
    answer = backend.post(path, json=body)
    assert answer.status_code in (400, 422)
    assert reason in answer.json()["error"]


def test_events_of_annotations_are_of_no_interest(backend):
    body = {"action": "ANNOTATION_CREATED", "project": {"id": 3}, "annotation": {}}
    assert backend.post("/webhook", json=body).status_code == 200
    assert backend.post("/predict", content=b"\xff{").status_code == 400


def test_the_sdk_of_label_studio_decodes_our_masks(backend, model, image, tmp_path):
    python = os.environ.get("LABEL_STUDIO_PYTHON")
    if not python:
        pytest.skip("LABEL_STUDIO_PYTHON names no interpreter with label-studio-sdk 2.1.2")
    uri = {"image": data_uri(png(image))}
    configs = [view([tag], model.classes) for tag in ("BrushLabels", "PolygonLabels")]
    for config in configs:
        predictions = predict(backend, config, uri)
        text = json.dumps([config, predictions, str(tmp_path / "decoded.npz")])
        subprocess.run([python, "-c", _DECODE], input=text, text=True, check=True, timeout=120)
        if config == configs[0]:
            decoded = dict(np.load(tmp_path / "decoded.npz"))
    strokes = predict(backend, configs[0], uri)[0]["result"]
    assert len(decoded) == len(strokes)
    label_HW = np.full(SIZE, 255, np.uint8)
    for name, alpha_HW in decoded.items():
        assert set(np.unique(alpha_HW)) <= {0, 255}
        label_HW[alpha_HW == 255] = list(model.classes).index(name.split("-")[1].lower())
    np.testing.assert_array_equal(label_HW, drawn(strokes, list(model.classes)))
    assert (label_HW == model.predict(image)).mean() > 0.999
