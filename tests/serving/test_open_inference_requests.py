"""Requests of the Open Inference Protocol that are refused: 4xx, JSON, never 500."""

import gzip
import json
import re
import tracemalloc
import zlib
from io import BytesIO
from random import Random

import numpy as np
import pytest
from PIL import Image

from tests.fuzz.mutations import damaged, misshapen
from tests.prediction.conftest import OF_PYCOCOTOOLS
from tests.serving.applications import app_of, ask

pytestmark = OF_PYCOCOTOOLS

HEIGHT, WIDTH = 9, 12
PIXELS = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
DATA = PIXELS.tobytes()
SHAPE = [HEIGHT, WIDTH, 3]
LENGTH = "Inference-Header-Content-Length"
CASES = 60


@pytest.fixture(scope="module")
def app(small_run):
    return app_of(small_run, name="streets", max_bytes=2**20, max_pixels=2**14, max_queue=4)


@pytest.fixture(scope="module")
def path(app):
    name = ask(app, "POST", "/v2/repository/index").json()[0]["name"]
    return f"/v2/models/{name}/infer"


def image(**changes):
    tensor = {"name": "image", "shape": SHAPE, "datatype": "UINT8"}
    tensor["parameters"] = {"binary_data_size": PIXELS.size}
    return {key: value for key, value in {**tensor, **changes}.items() if value is not ...}


def files(*contents, **changes):
    data = b"".join(len(each).to_bytes(4, "little") + each for each in contents)
    tensor = {"name": "encoded", "shape": [len(contents)], "datatype": "BYTES"}
    tensor["parameters"] = {"binary_data_size": len(data)}
    return {**tensor, **changes}, data


def request(document, data=DATA):
    """Return a body and its headers."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return {"content": text + data, "headers": {LENGTH: str(len(text))}}


def _file(kind):
    stream = BytesIO()
    Image.fromarray(PIXELS).save(stream, kind)
    return stream.getvalue()


def one(tensor, data=DATA, **further):
    return request({"inputs": [tensor], **further}, data)


def error(answer, *statuses):
    assert answer.status_code in (statuses or (400,)), (answer.status_code, answer.text)
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


FLAT = [int(value) for value in PIXELS.ravel()]
SOUND = {
    "binary": one(image()),
    "several": one(image(shape=[1, *SHAPE]), id="a", parameters={"priority": 1, "any": "x"}),
    "flat": one(image(parameters={}, data=FLAT), b""),
    "nested": one(image(parameters=..., data=PIXELS.tolist()), b""),
    "binary output": one(image(), parameters={"binary_data_output": True}),
    "empty outputs": one(image(), outputs=[]),
    "named": one(image(), model_version="1"),
}


@pytest.mark.parametrize("case", SOUND)
def test_sound_requests_are_answered(app, path, case):
    answer = ask(app, "POST", path, **SOUND[case])
    assert answer.status_code == 200, answer.text
    length = answer.headers.get(LENGTH)
    assert (length is None) == (case != "binary output")
    document = json.loads(answer.content[: None if length is None else int(length)])
    (output,) = document["outputs"]
    assert output["shape"] == [1, HEIGHT, WIDTH]
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert document.get("id") == ("a" if case == "several" else None)


REFUSED = {
    "negative": (one(image(shape=[-9, 12, 3])), "greater than or equal to 1"),
    "zero": (one(image(shape=[0, 12, 3], parameters={"binary_data_size": 0}), b""), "equal to 1"),
    "float": (one(image(shape=[9.0, 12, 3])), "integer"),
    "bool": (one(image(shape=[True, 12, 3])), "integer"),
    "huge": (one(image(shape=[10**30, 12, 3])), "pixels; up to 16384"),
    "many": (one(image(shape=[10**30, 9, 12, 3])), "up to 4 are allowed"),
    "flat shape": (one(image(shape=[PIXELS.size])), "allowed: \\[height, width, 3\\]"),
    "bands": (one(image(shape=[9, 9, 4])), "height, width, 3"),
    "datatype": (one(image(datatype="UINT16")), "allowed: UINT8"),
    "unknown datatype": (one(image(datatype="uint8")), "allowed: UINT8"),
    "short": (one(image(shape=[9, 13, 3])), "324 bytes, and shape"),
    "size short": (one(image(parameters={"binary_data_size": 9})), "9 bytes by binary_data_size"),
    "size beyond": (one(image(parameters={"binary_data_size": 10**40})), "bytes follow"),
    "size negative": (one(image(parameters={"binary_data_size": -1})), "no number of bytes"),
    "size bool": (one(image(parameters={"binary_data_size": True})), "no number of bytes"),
    "surplus": (one(image(), DATA + b"x"), "325 bytes follow"),
    "no values": (one(image(parameters=...), b""), "one of both"),
    "both": (one(image(data=FLAT)), "one of both"),
    "twice": (
        request({"inputs": [image(), image()]}, 2 * DATA),
        "a request has one, image or encoded",
    ),
    "unknown input": (one(image(name="INPUT__0")), "'INPUT__0': is unknown; allowed: image"),
    "unknown output": (one(image(), outputs=[{"name": "x"}]), "'x' is unknown; allowed: labels"),
    "output twice": (one(image(), outputs=[{"name": "labels"}] * 2), "occurs twice"),
    "png in JSON": (one(image(), outputs=[{"name": "png"}]), "JSON cannot hold"),
    "classification": (
        one(image(), outputs=[{"name": "labels", "parameters": {"classification": 3}}]),
        "classification",
    ),
    "shared memory": (one(image(parameters={"shared_memory_region": "a"}), b""), "shared memory"),
    "flag": (one(image(), parameters={"binary_data_output": 1}), "allowed: true, false"),
    "unknown key": (one(image(), output=[]), "output"),
    "other network": (one(image(), model_name="other"), "differs"),
    "no inputs": (request({"inputs": []}, b""), "inputs"),
    "no object": (request([], b""), "request is damaged"),
    "repeated key": (request(b'{"inputs": [], "inputs": []}', b""), "occurs twice"),
    "deep": (request(b"[" * 999 + b"]" * 999, b""), "nested deeper"),
    "half a pair": (one(image(), **{"\ud800": 1}), "damaged"),
    "JSON floats": (one(image(parameters={}, data=[0.5] * PIXELS.size), b""), "whole numbers"),
    "JSON bools": (one(image(parameters={}, data=[True] * PIXELS.size), b""), "whole numbers"),
    "JSON beyond": (one(image(parameters={}, data=[256] * PIXELS.size), b""), "beyond"),
    "JSON few": (one(image(parameters={}, data=[1]), b""), "1 elements"),
    "JSON ragged": (one(image(parameters={}, data=[[[1] * 3] * 12] * 8 + [[1]]), b""), "nested"),
    "JSON text": (one(image(parameters={}, data="x"), b""), "0 elements"),
    "files as JSON": (one(files(b"a", parameters={}, data=["a"])[0], b""), "JSON cannot hold"),
    "files, more": (one(files(b"a", shape=[2])[0], files(b"a")[1]), "goes beyond"),
    "files, fewer": (one(files(b"a", b"b", shape=[1])[0], files(b"a", b"b")[1]), "left over"),
    "files, shape": (one(files(b"a", shape=[1, 1])[0], files(b"a")[1]), "number of image files"),
    "files, length": (
        one(files(b"a")[0], b"\xff\xff\xff\xff" + b"a"),
        "goes beyond the 5 bytes",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_request_is_refused(app, path, case):
    body, expected = REFUSED[case]
    text = error(ask(app, "POST", path, **body), 400, 413)
    assert text.count("\n") < 6
    assert re.search(expected, text), text


@pytest.mark.parametrize("length", ["0", "-1", "x", "1e2", "9" * 400, "٣", " ", "1.0"])
def test_lengths_of_the_document(app, path, length):
    body = SOUND["binary"]["content"]
    headers = {LENGTH: length.encode()}
    error(ask(app, "POST", path, headers=headers, content=body))


def test_a_length_may_be_missing_for_json_alone(app, path):
    assert ask(app, "POST", path, content=SOUND["flat"]["content"]).status_code == 200
    error(ask(app, "POST", path, content=SOUND["binary"]["content"]))
    text = json.dumps({"inputs": [image()]}).encode()
    assert LENGTH in error(ask(app, "POST", path, content=text))


def test_compressed_bodies_are_bounded(app, path):
    body, headers = SOUND["binary"]["content"], SOUND["binary"]["headers"]

    def send(content, encoding):
        coded = {**headers, "Content-Encoding": encoding}
        return ask(app, "POST", path, headers=coded, content=content)

    assert send(gzip.compress(body), "GZip").status_code == 200
    assert send(zlib.compress(body), "deflate").status_code == 200
    error(send(gzip.compress(body)[:-9], "gzip"))
    error(send(gzip.compress(body) + b"x", "gzip"))
    error(send(body, "gzip"))
    error(send(gzip.compress(body), "deflate"))
    error(send(body, "br"), 415)
    error(send(gzip.compress(body), "gzip, gzip"), 415)
    bomb = gzip.compress(bytes(2**27))
    tracemalloc.start()
    error(send(bomb, "gzip"), 413)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**24


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate;q=0.5", "deflate"),
        ("gzip, identity;q=0.1", "gzip"),
        ("gzip, deflate, br", None),
        ("gzip;q=0", None),
        ("identity", None),
        ("br", None),
    ],
)
def test_answers_are_compressed_on_request(app, path, accepted, encoding):
    body = dict(SOUND["binary"])
    body["headers"] = {**body["headers"], "Accept-Encoding": accepted}
    answer = ask(app, "POST", path, **body)
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.json()["outputs"][0]["shape"] == [1, HEIGHT, WIDTH]


def test_more_images_than_the_queue_takes(app, path):
    data = np.concatenate([PIXELS] * 5).tobytes()
    tensor = image(shape=[5, *SHAPE], parameters={"binary_data_size": len(data)})
    assert "send several requests" in error(ask(app, "POST", path, **one(tensor, data)))


def test_other_addresses_are_answered_as_json(app, path):
    for method, other in (
        ("GET", "/v2/models/other"),
        ("GET", "/v2/models/x/versions/9/ready"),
        ("POST", path.replace("/infer", "/versions/2/infer")),
        ("GET", "/v2/x"),
    ):
        error(ask(app, method, other), 404)
    error(ask(app, "GET", path), 405)
    error(ask(app, "POST", path))


PHOTOS = files(_file("PNG"), _file("JPEG"))
FUZZED = [
    (
        {"inputs": [image()], "outputs": [{"name": "png", "parameters": {"binary_data": True}}]},
        DATA,
    ),
    ({"id": "a", "inputs": [image(parameters={}, data=FLAT)], "parameters": {"a": 1}}, b""),
    ({"inputs": [PHOTOS[0]]}, PHOTOS[1]),
]


@pytest.mark.parametrize("case", range(len(FUZZED)))
def test_damaged_requests_are_refused_or_answered(app, path, case):
    """Never 500: what is left may be a request again."""
    document, data = FUZZED[case]
    statuses = []
    for number in range(CASES):
        random = Random(1000 * case + number)
        answer = ask(app, "POST", path, **_damaged_request(document, data, random))
        statuses.append(answer.status_code)
        if answer.status_code != 200:
            assert 400 <= answer.status_code < 500, (number, answer.text)
            assert answer.json()["error"].count("\n") < 6, (number, answer.text)
    assert statuses.count(400) > CASES / 3


def _damaged_request(document, data, random):
    way = random.randrange(4)
    if way == 0:  # another document
        return request(misshapen(document, random), data)
    if way == 1:  # other tensors
        return request(document, damaged(data, random))
    body = request(document, data)
    if way == 2:  # either, or another border between them
        body["headers"][LENGTH] = str(int(body["headers"][LENGTH]) + random.choice((-1, 0, 1)))
        return {**body, "content": damaged(body["content"], random)}
    name, compress = random.choice((("gzip", gzip.compress), ("deflate", zlib.compress)))
    headers = {**body["headers"], "Content-Encoding": name}
    return {"content": damaged(compress(body["content"], 1), random), "headers": headers}
