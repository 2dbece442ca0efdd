"""The Open Inference Protocol as `tritonclient` speaks it."""

import asyncio
import json
import re
import subprocess
import sys
from io import BytesIO
from itertools import product

import httpx
import numpy as np
import pytest
from PIL import Image, ImageOps

import seg as package
from seg.deployment.metadata import card_path
from tests.conftest import REPO, seg
from tests.prediction.conftest import OF_PYCOCOTOOLS
from tests.serving.conftest import serving

http = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")
pytestmark = OF_PYCOCOTOOLS

PIXELS = np.random.default_rng(0).integers(0, 255, (2, 70, 90, 3), np.uint8)
CLIENT = REPO / "docs" / "clients" / "triton_client.py"
COMPRESSIONS = (None, "gzip", "deflate")


@pytest.fixture(scope="module")
def client(served):
    with http.InferenceServerClient(served.removeprefix("http://"), concurrency=4) as client:
        yield client


@pytest.fixture(scope="module")
def name(client):
    return client.get_model_repository_index()[0]["name"]


@pytest.fixture(scope="module")
def label_NHW(small_run):
    """The server's engine is `optimize()`d, so that this is, too."""
    model = package.load_model(small_run).optimize()
    return np.stack([model.predict(each) for each in PIXELS])


def array_input(pixels=PIXELS, *, binary_data=True):
    tensor = http.InferInput("image", list(pixels.shape), "UINT8")
    return [tensor.set_data_from_numpy(pixels, binary_data=binary_data)]


def file_input(*images, kind="PNG"):
    files = [_file(each, kind) for each in images]
    tensor = http.InferInput("encoded", [len(files)], "BYTES")
    return [tensor.set_data_from_numpy(np.array(files, np.object_))]


def _file(pixels, kind):
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def outputs(*names, binary_data=True):
    return [http.InferRequestedOutput(each, binary_data=binary_data) for each in names]


def test_the_server_says_what_it_takes(client, name):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(name)
    assert client.is_model_ready(name, "1")
    assert not client.is_model_ready(name, "2")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "seg"
    metadata = client.get_model_metadata(name, "1")
    assert metadata["inputs"] == [
        {"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]},
        {"name": "encoded", "datatype": "BYTES", "shape": [-1]},
    ]
    shapes = {each["name"]: (each["datatype"], each["shape"]) for each in metadata["outputs"]}
    assert shapes["labels"] == ("UINT8", [-1, -1, -1])
    assert shapes["probabilities"] == ("FP32", [-1, 19, -1, -1])
    json_format = pytest.importorskip("google.protobuf.json_format")
    messages = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    config = json_format.ParseDict(client.get_model_config(name), messages.ModelConfig())
    assert [each.name for each in config.input] == ["image", "encoded"]
    with pytest.raises(http.InferenceServerException, match="there is"):
        client.get_model_metadata("other")


def test_labels_are_those_of_the_network(client, name, label_NHW):
    result = client.infer(name, array_input(), request_id="7", model_version="1")
    assert result.get_response()["id"] == "7"
    labels = result.as_numpy("labels")
    assert labels.dtype == np.uint8
    assert (labels == label_NHW).all()
    plain = client.infer(name, array_input(binary_data=False), outputs=outputs("labels"))
    assert (plain.as_numpy("labels") == label_NHW).all()
    one = client.infer(name, array_input(PIXELS[1]), outputs=outputs("labels", binary_data=False))
    assert (one.as_numpy("labels") == label_NHW[1:]).all()
    assert client.infer(name, array_input()).as_numpy("png") is None


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_files_are_images(client, name, label_NHW, kind):
    dark = PIXELS.copy()
    dark[:, :, -8:] = 0  # a BMP begins with the lowest row
    dark[:, 0] = 0
    files = file_input(*dark, kind=kind)
    assert _file(dark[0], "BMP").endswith(b"\0")
    labels = client.infer(name, files).as_numpy("labels")
    assert (labels == client.infer(name, array_input(dark)).as_numpy("labels")).all()


@pytest.mark.parametrize("compressions", [*product(COMPRESSIONS, repeat=2)], ids=str)
def test_all_outputs_compressed_or_not(client, name, label_NHW, served, compressions):
    result = client.infer(
        name,
        file_input(*PIXELS),
        outputs=outputs("probabilities", "png", "labels"),
        request_compression_algorithm=compressions[0],
        response_compression_algorithm=compressions[1],
    )
    assert (result.as_numpy("labels") == label_NHW).all()
    probabilities = result.as_numpy("probabilities")
    assert (probabilities.argmax(1) == label_NHW).mean() > 0.999  # close ones may tie in float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    for png, pixels in zip(result.as_numpy("png"), PIXELS, strict=True):
        content = {"image": _file(pixels, "PNG")}
        assert httpx.post(f"{served}/v1/predict", files=content, timeout=60).content == png


def test_several_requests_at_a_time(client, name, label_NHW):
    asked = [client.async_infer(name, array_input(PIXELS[at % 2])) for at in range(12)]
    for at, each in enumerate(asked):
        assert (each.get_result().as_numpy("labels")[0] == label_NHW[at % 2]).all()


def test_the_client_for_asyncio(served, name, label_NHW):
    aio = pytest.importorskip("tritonclient.http.aio")

    async def ask():
        async with aio.InferenceServerClient(served.removeprefix("http://")) as client:
            assert await client.is_server_live()
            results = await asyncio.gather(*(client.infer(name, array_input()) for _ in range(4)))
            return [each.as_numpy("labels") for each in results]

    for labels in asyncio.run(ask()):
        assert (labels == label_NHW).all()


def test_images_of_several_sizes_are_files_alone(client, name):
    sizes = file_input(PIXELS[0], PIXELS[1, :64])
    with pytest.raises(http.InferenceServerException, match="70 x 90 pixels, and image 1 has 64"):
        client.infer(name, sizes)
    files = client.infer(name, sizes, outputs=outputs("png")).as_numpy("png")
    assert [Image.open(BytesIO(each)).size for each in files] == [(90, 70), (90, 64)]


def test_a_bad_image_is_named(client, name):
    tensor = http.InferInput("encoded", [2], "BYTES")
    tensor.set_data_from_numpy(np.array([_file(PIXELS[0], "PNG"), b"text"], np.object_))
    with pytest.raises(http.InferenceServerException, match=r"encoded\[1\]: image: starts with"):
        client.infer(name, [tensor])


def test_the_example_of_the_manual_runs(served, tmp_path, monkeypatch):
    text = (REPO / "docs" / "open-inference.md").read_text()
    code = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
    Image.fromarray(PIXELS[0]).save(tmp_path / "street.jpg")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(
        compile(code.replace("127.0.0.1:8000", served.removeprefix("http://")), "page", "exec"),
        names,
    )
    names["client"].close()
    assert names["labels"].shape == (1, 360, 480)
    assert names["probabilities"].shape == (1, 19, 70, 90)


def documented_client(address, name, *words, cwd):
    line = [sys.executable, str(CLIENT), "--url", address.removeprefix("http://")]
    done = subprocess.run(
        [*line, "--model", name, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_documented_client_writes_the_labels(served, name, label_NHW, tmp_path):
    for at, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(tmp_path / f"{at}.png")
    documented_client(served, name, "0.png", "1.png", cwd=tmp_path)
    written = [np.asarray(Image.open(tmp_path / "labels" / f"{at}.png")) for at in range(2)]
    assert (np.stack(written) == label_NHW).all()


@pytest.fixture(scope="module")
def exported(small_run, tmp_path_factory):
    """An export, images of one size upright, and what `seg.predict` writes of them by it."""
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("exported")
    done = seg("export", f"checkpoint={small_run}", "output_kind=logits", "output=a.onnx", cwd=path)
    assert done.returncode == 0, done.stderr
    turned = Image.Exif()
    turned[0x0112] = 6
    (path / "images").mkdir()
    Image.fromarray(PIXELS[0]).save(path / "images" / "0.png")
    sideways = Image.fromarray(PIXELS[1]).rotate(90, expand=True)
    sideways.save(path / "images" / "1.jpg", exif=turned, quality=60)
    export = path / "a.onnx"
    options = ("formats=[labels,probabilities]", "values=index", "output=predictions")
    done = seg("predict", f"checkpoint={export}", "input=images", *options, cwd=path)
    assert done.returncode == 0, done.stderr
    return path, export


@pytest.mark.slow
def test_an_export_is_answered_as_seg_predict_writes_it(exported):
    path, export = exported
    files = sorted((path / "images").iterdir())
    labels = sorted((path / "predictions").rglob("*.png"))
    expected = np.stack([np.asarray(Image.open(each)) for each in labels])
    assert expected.shape == (2, 70, 90)
    probabilities = sorted((path / "predictions").rglob("*.npz"))
    expected_HWK = np.stack([np.load(each)["probabilities_HWK"] for each in probabilities])
    tensor = http.InferInput("encoded", [2], "BYTES")
    tensor.set_data_from_numpy(np.array([each.read_bytes() for each in files], np.object_))
    upright = [ImageOps.exif_transpose(Image.open(each)).convert("RGB") for each in files]
    with (
        serving(f"checkpoint={export}", "name=streets") as address,
        http.InferenceServerClient(address.removeprefix("http://")) as client,
    ):
        for inputs in (array_input(np.stack([np.asarray(each) for each in upright])), [tensor]):
            result = client.infer("streets", inputs, outputs=outputs("labels", "probabilities"))
            assert (result.as_numpy("labels") == expected).all()
            actual_HWK = result.as_numpy("probabilities").transpose(0, 2, 3, 1)
            assert (actual_HWK.astype(np.float16) == expected_HWK).all()
        card = card_path(export)
        documented_client(address, "streets", *files, "--card", card, cwd=path)
    palette = [each["color"] for each in json.loads(card.read_text())["classes"]]
    for file, label in zip(files, expected, strict=True):
        written = Image.open(path / "labels" / f"{file.stem}.png")
        assert (np.asarray(written) == label).all()
        assert written.getpalette()[: 3 * len(palette)] == np.ravel(palette).tolist()
