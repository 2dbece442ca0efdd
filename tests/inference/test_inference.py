"""Windows, scales and flips against arrays that are held whole, by PyTorch's own operators."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from seg.data.label_space import LabelSpace
from seg.errors import ConfigError
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.segmenter import create_model

HEIGHT, WIDTH = 65, 97


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = create_model("aligned_xception_tiny", "deeplabv3plus", num_classes=5)
    labels = LabelSpace.identity(tuple("abcde"), ((0, 0, 0),) * 5)
    model = TrainedSegmenter(network.encoder, network.decoder, labels).train()
    with torch.no_grad():
        for _ in range(3):  # running statistics that fit
            model(torch.randn(2, 3, 65, 65))
    return model.eval()


@pytest.fixture(scope="module")
def image():
    coarse = np.random.default_rng(0).integers(0, 256, (9, 13, 3))
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)[:HEIGHT, :WIDTH]


def batch(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()


@torch.inference_mode()
def coarse_of(model, pixels_BCHW):
    return model.decode(model.encode(model.normalization(pixels_BCHW)), pixels_BCHW.shape[2:])


def probabilities(inference, model, image):
    bands = list(inference.iter_row_blocks(model, ArrayRaster(image), probabilities=True))
    assert [band.rows.start for band in bands] == [0, *(band.rows.stop for band in bands[:-1])]
    found = np.concatenate([band.probabilities_KHW for band in bands], 1)
    assert (np.concatenate([band.label_HW for band in bands]) == found.argmax(0)).mean() > 0.999
    return found


def assert_near(found, expected):
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("size", [(65, 97), (50, 83), (1, 7)])
def test_whole_is_what_the_network_says(model, image, size):
    part = image[: size[0], : size[1]]
    with torch.inference_mode():
        expected = model(model.normalization(batch(part))).softmax(1)[0]
    assert_near(probabilities(Inference(), model, part), expected)


def test_tiles_of_any_size_are_the_same(model, image, monkeypatch):
    whole = probabilities(Inference(), model, image)
    monkeypatch.setattr("seg.inference.fusion._TILE_BYTES", {"cpu": 2**11})
    monkeypatch.setattr("seg.inference.inference.BAND_PX", 10)
    assert_near(probabilities(Inference(), model, image), whole)


def test_scales_and_flips_are_averaged_as_in_deeplab(model, image):
    expected = torch.zeros(1, 5, HEIGHT, WIDTH)
    for size in ((33, 49), (65, 97), (97, 145)):
        scaled = functional.interpolate(
            batch(image), size=size, mode="bilinear", align_corners=True
        )
        for turn in (lambda x: x, lambda x: x.flip(3)):
            logits = functional.interpolate(
                turn(coarse_of(model, turn(scaled)).values),
                size=(HEIGHT, WIDTH),
                mode="bilinear",
                align_corners=True,
            )
            expected += logits.softmax(1) / 6
    assert_near(
        probabilities(Inference(scales=[0.5, 1, 1.5], flip=True), model, image), expected[0]
    )


@pytest.mark.parametrize("blending", ["gaussian", "uniform"])
def test_windows_are_blended(model, image, blending):
    total, weight = np.zeros((5, HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH))
    for top in (0, 16, 32):
        for left in (0, 24, 48):
            part = batch(image[top : top + 33, left : left + 49])
            said = coarse_of(model, part).resized().softmax(1)[0].numpy()
            fade = np.ones((33, 49))
            if blending == "gaussian":
                rows, columns = np.arange(33) - 16, np.arange(49) - 24
                of_rows, of_columns = (
                    np.exp(-0.5 * (place / (length / 8)) ** 2)
                    for place, length in ((rows, 33), (columns, 49))
                )
                fade = np.outer(of_rows, of_columns)
            total[:, top : top + 33, left : left + 49] += said * fade
            weight[top : top + 33, left : left + 49] += fade
    found = probabilities(Inference(window=(33, 49), overlap=0.5, blending=blending), model, image)
    assert_near(found, total / weight)


@pytest.mark.parametrize("scales", [[1.0], [0.6, 1.37]])
@pytest.mark.parametrize("overlap", [0, 0.3])
def test_everything_together_covers_every_pixel(model, image, scales, overlap):
    inference = Inference(window=(33, 33), overlap=overlap, scales=scales, flip=True)
    found = probabilities(inference, model, image)
    assert_near(found.sum(0), np.ones((HEIGHT, WIDTH)))


class Watched(ArrayRaster):
    """Tells what was read of it."""

    def read(self, rows, columns):
        reads.append((rows.stop - rows.start, columns.stop - columns.start))
        return super().read(rows, columns)


reads: list[tuple[int, int]] = []


def test_memory_decides_on_windows(model):
    large = np.random.default_rng(1).integers(0, 256, (400, 300, 3), np.uint8)
    gib = model.bytes_per_pixel * 150**2 / 2**30
    assert Inference().fits_whole(model, 400, 300)
    limited = Inference(max_memory_gib=gib)
    assert not limited.fits_whole(model, 400, 300)
    assert limited.fits_whole(model, 150, 150)
    reads.clear()
    assert limited.labels(model, Watched(large)).shape == (400, 300)
    assert max(height * width for height, width in reads) <= 150**2


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"window": [0, 5]}, "window"),
        ({"overlap": 1.0}, "overlap"),
        ({"blending": "hann"}, "blending"),
        ({"scales": []}, "scales"),
        ({"scales": [1, -1]}, "scales"),
        ({"max_memory_gib": 0}, "max_memory_gib"),
    ],
)
def test_what_is_out_of_range_is_named(arguments, key):
    with pytest.raises(ConfigError, match=f"inference.{key}"):
        Inference(**arguments)
