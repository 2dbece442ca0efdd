"""What `predict` takes as a PIL image, and what it would lose of one."""

import numpy as np
import pytest
from PIL import Image

from seg.inference.segmentation_model import as_array

COLORS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def test_opaque_images_of_eight_bits():
    for mode in ("RGB", "RGBA"):
        np.testing.assert_array_equal(as_array(Image.fromarray(COLORS).convert(mode)), COLORS)
    grey = as_array(Image.fromarray(COLORS[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(COLORS[..., :1], 3, 2))


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_other_values_are_refused(kind):
    with pytest.raises(ValueError, match="8 bits a channel, not mode"):
        as_array(Image.fromarray(COLORS[..., 0].astype(kind)))


def test_transparent_pixels_are_refused():
    image = Image.fromarray(np.dstack([COLORS, COLORS[..., 0]]))
    with pytest.raises(ValueError, match="opaque PIL images"):
        as_array(image)
