"""The Open Inference Protocol over networks of other classes and other bands."""

import numpy as np
import pytest
import torch

import seg
from seg.data.outputs import Outputs
from seg.data.readers.value_range import ImageDecoding
from seg.inference.inference import Inference
from seg.inference.segmentation_model import TrainedSegmenter
from seg.serving.open_inference.tensors import DTYPES
from seg.serving.service import Service, Services
from seg.serving.workers import Workers
from tests.serving.applications import ask, config_of

http = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")
NAMES = ("a", "b", "c")
PALETTE = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
OVERLAPPING = seg.LabelSpace(NAMES, PALETTE, (), 255, Outputs.multi_label(NAMES))
EXCLUSIVE = seg.LabelSpace.identity(NAMES, PALETTE)
SIZE = (40, 56)


@pytest.fixture
def open_app(tmp_path):
    """Opens the application over a network with random weights; its workers end with the test."""
    from seg.serving.app import build_app

    opened = []

    def open_(labels, decoding):
        torch.manual_seed(0)
        name = "aligned_xception_micro"
        parts = seg.create_model(name, num_classes=len(NAMES), in_channels=decoding.channels)
        model = TrainedSegmenter(parts.encoder, parts.decoder, labels).eval()
        model.decoding = decoding
        workers = Workers(1, max_queue=4)
        opened.append(workers)
        card = {"checkpoint": {"sha256": "0" * 64}}
        limits = {"max_pixels": 10**6, "timeout_s": 30.0}
        service = Service("small", model, Inference(), card, workers, **limits)
        return build_app(Services(service), config_of(tmp_path)), model

    yield open_
    for each in opened:
        assert each.close(10)


def infer(app, array, datatype, *names):
    """Ask as `tritonclient` does; return the outputs of the image."""
    tensor = http.InferInput("image", list(array.shape), datatype).set_data_from_numpy(array)
    outputs = [http.InferRequestedOutput(each) for each in names]
    client = http.InferenceServerClient
    body, length = client.generate_request_body([tensor], outputs=outputs)
    headers = {"Inference-Header-Content-Length": str(length)}
    answer = ask(app, "POST", "/v2/models/small/infer", headers=headers, content=body)
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["Inference-Header-Content-Length"])
    result = client.parse_response_body(answer.content, header_length=length)
    return [result.as_numpy(each)[0] for each in names]


def tensors(app, key):
    return {each["name"]: each for each in ask(app, "GET", "/v2/models/small").json()[key]}


def test_classes_that_overlap_have_masks(open_app):
    app, model = open_app(OVERLAPPING, ImageDecoding())
    assert tensors(app, "outputs")["masks"]["shape"] == [-1, 3, -1, -1]
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    label, masks, shares = infer(app, image, "UINT8", "labels", "masks", "probabilities")
    np.testing.assert_array_equal(label, model.predict(image))
    assert len(np.unique(label)) > 1
    assert masks.dtype == bool
    np.testing.assert_array_equal(masks, [(label >> at) & 1 for at in range(3)])
    np.testing.assert_array_equal(masks, shares > 0.5)


@pytest.mark.parametrize("datatype", ["INT8", "UINT16", "INT64", "FP16"])
def test_stored_values_of_any_type_are_taken(open_app, datatype):
    """The network says which type its files had."""
    dtype = DTYPES[datatype]
    decoding = ImageDecoding((0.0, 100.0), (1, 2, 3, 4), kind=dtype.name, clip=False)
    app, model = open_app(EXCLUSIVE, decoding)
    expected = {"name": "image", "datatype": datatype, "shape": [-1, -1, -1, 4]}
    assert tensors(app, "inputs")["image"] == expected
    image = np.random.default_rng(0).integers(0, 100, (*SIZE, 4)).astype(dtype)
    (label,) = infer(app, image, datatype, "labels")
    np.testing.assert_array_equal(label, model.predict(image))


def test_pixels_without_data_have_no_class_and_no_probabilities(open_app):
    decoding = ImageDecoding((0.0, 1.0), nodata="nan", clip=False)
    app, _ = open_app(EXCLUSIVE, decoding)
    assert tensors(app, "inputs")["image"]["shape"] == [-1, -1, -1, -1]  # grey or color
    image = np.random.default_rng(0).random((*SIZE, 1), np.float32)
    image[:9, :7] = np.nan
    label, shares = infer(app, image, "FP32", "labels", "probabilities")
    missing_HW = np.isnan(image[..., 0])
    np.testing.assert_array_equal(label == EXCLUSIVE.ignore_index, missing_HW)
    np.testing.assert_array_equal(np.isnan(shares).all(0), missing_HW)
    assert not np.isnan(shares[:, ~missing_HW]).any()
