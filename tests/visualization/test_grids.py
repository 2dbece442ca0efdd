import numpy as np
from PIL import Image, ImageDraw

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.visualization.grids import prediction_grid

LABELS = LabelSpace.identity(("a", "b"), ((1, 2, 3), (4, 5, 6)))
GAP_PX, HEADER_PX = 4, 18


def sample(height, width):
    image_HW3 = np.full((height, width, 3), 90, np.uint8)
    return Sample("x", image_HW3, np.zeros((height, width), np.uint8))


def test_each_heading_stands_over_its_column_in_all_rows():
    samples = [sample(40, 60), sample(50, 300), sample(30, 20)]
    grid = prediction_grid(samples, [each.label for each in samples], LABELS)
    column_px = 300 + GAP_PX
    assert grid.width == 4 * column_px - GAP_PX
    pixels = np.asarray(grid)
    titles = Image.new("RGB", (grid.width, HEADER_PX), "white")
    for position, title in enumerate(("image", "label", "prediction", "error")):
        ImageDraw.Draw(titles).text((position * column_px + 4, 3), title, fill="black")
        top = HEADER_PX
        for each in samples:
            height, width = each.label.shape
            row = pixels[top : top + height]
            tile = row[:, position * column_px : position * column_px + width]
            assert (tile == tile[0, 0]).all()
            assert (tile != 255).any()
            assert (row[:, position * column_px + width : (position + 1) * column_px] == 255).all()
            top += height + GAP_PX
    np.testing.assert_array_equal(pixels[:HEADER_PX], np.asarray(titles))
