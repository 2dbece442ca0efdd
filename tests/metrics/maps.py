"""Small random class maps with regions, specks, ignored and absent classes."""

import cv2
import numpy as np

IGNORE = 255


def random_maps(seed, classes, size=(60, 90), *, ignored=True):
    """Prediction and label, uint8; the last class never occurs where there are more than two."""
    generator = np.random.default_rng(seed)
    occurring = max(1, classes - (classes > 2))
    coarse = generator.integers(0, occurring, (5, 7), np.uint8)
    label = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_NEAREST)
    label = np.roll(label, tuple(generator.integers(0, 20, 2)), (0, 1))
    prediction = np.roll(label, tuple(generator.integers(-3, 4, 2)), (0, 1))
    speck = generator.random(size) < 0.02
    prediction[speck] = generator.integers(0, occurring, size, np.uint8)[speck]
    if ignored:
        row, column = generator.integers(0, 40, 2)
        label[row : row + 15, column : column + 30] = IGNORE
        label[generator.random(size) < 0.01] = IGNORE
    return prediction, label
