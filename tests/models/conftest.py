"""Seeds, settled networks and relative errors, for comparisons with other implementations."""

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def relative_error():
    """Largest difference, in units of the reference's largest value (of 1 where all is 0)."""

    def measure(ours, reference) -> float:
        ours = np.asarray(ours, np.float64)
        reference = np.asarray(reference, np.float64)
        assert ours.shape == reference.shape
        return float(np.abs(ours - reference).max() / (np.abs(reference).max() or 1))

    return measure


def settled(network):
    """Seeded weights that keep activations of order one, and norms that do something."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.bias)
    return network.eval()
