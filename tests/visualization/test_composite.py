"""Images of any bands as RGB."""

import numpy as np
import pytest

from seg.visualization.composite import as_rgb

RANDOM = np.random.default_rng(0)
BYTES = RANDOM.integers(0, 256, (6, 9, 3), dtype=np.uint8)


def test_plain_images_are_not_copied():
    assert as_rgb(BYTES, stretched=True) is BYTES


@pytest.mark.parametrize(
    ("channels", "composite", "chosen"),
    [(5, None, [0, 1, 2]), (2, None, [0, 0, 0]), (1, None, [0, 0, 0]), (4, (4, 1, 2), [3, 0, 1])],
)
def test_bands_that_are_drawn(channels, composite, chosen):
    image_HWC = RANDOM.integers(0, 256, (6, 9, channels)).astype(np.float32)
    image_HWC[0, 0] = (-9.0, 400.0, 70.4, np.nan, 1.0)[:channels]
    expected = np.rint(np.nan_to_num(image_HWC[..., chosen]).clip(0, 255))
    for image in (image_HWC, image_HWC.clip(0, 255)):
        np.testing.assert_array_equal(as_rgb(image, composite), expected)
    assert as_rgb(image_HWC, composite).dtype == np.uint8


def test_dark_values_are_stretched():
    """As of 12 bits in a range of 16: as_rgb shows them black, or all of their contrast."""
    bright = np.linspace(0, 255, 10_000, dtype=np.float32).reshape(100, 100, 1)
    dark = 4 + bright / 16
    assert as_rgb(dark).max() == 20
    stretched = as_rgb(dark, stretched=True)
    assert (stretched.min(), stretched.max()) == (0, 255)
    assert abs(stretched[..., 0].astype(float) - bright[..., 0]).max() < 7
    np.testing.assert_array_equal(as_rgb(bright, stretched=True), as_rgb(bright))
    flat = np.full((4, 4, 3), 100, np.float32)
    assert set(as_rgb(flat, stretched=True).ravel().tolist()) <= {127, 128}
