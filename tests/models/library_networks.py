"""Networks of libraries with seeded weights."""

import torchvision
from torch import nn


def randomized(module: nn.Module) -> nn.Module:
    """Batch-norm statistics as after training, so that no layer is the identity."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.1)
    return module.eval()


def torchvision_googlenet() -> nn.Module:
    return randomized(torchvision.models.GoogLeNet(init_weights=False, aux_logits=True))
