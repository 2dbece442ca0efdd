"""Trained networks."""

import numpy as np

from tests.deployment.networks import small_network


def test_predict_leaves_each_modules_mode():
    model = small_network().train()
    model.encoder.eval()  # as frozen parts are in training
    before = {name: module.training for name, module in model.named_modules()}
    label_HW = model.predict(np.zeros((9, 12, 3), np.uint8))
    assert label_HW.shape == (9, 12)
    assert {name: module.training for name, module in model.named_modules()} == before
