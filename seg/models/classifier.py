"""Image classification on an encoder: pretraining, and the published ImageNet weights."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from seg.errors import ConfigError
from seg.models.interfaces import Normalization

Outputs = Literal["softmax", "logistic"]


class Classifier(nn.Module):
    """Encoder -> mean over the last map -> fully connected layers, if any -> linear layer.

    The head of Chollet, "Xception" (2017), figure 5 and sections 4.2 and 4.3: logistic regression,
    with dropout before it, and optionally with fully connected layers in between.

    Args:
        encoder: keeps `seg.models.interfaces.Encoder`.
        num_classes: number of logits an image.
        hidden: widths of the fully connected layers, each followed by ReLU.
        dropout: share of the last layer's inputs that is dropped in training.
        outputs: meaning of the logits: `softmax`, one class an image; `logistic`, any number.

    Raises:
        ConfigError: a width below 1, a dropout outside 0 to below 1.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        num_classes: int,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
        outputs: Outputs = "softmax",
    ) -> None:
        super().__init__()
        if any(width < 1 for width in hidden):
            raise ConfigError(f"head.hidden={list(hidden)}; allowed: widths of 1 or more")
        if not 0 <= dropout < 1:
            raise ConfigError(f"head.dropout={dropout}; allowed: 0 to below 1")
        self.encoder = encoder
        self.outputs = outputs
        channels: Any = encoder.channels
        widths = [channels[-1], *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.hidden = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(widths[-1], num_classes)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    @property
    def normalization(self) -> Normalization:
        """Return the normalization of the encoder's input."""
        normalization: Any = self.encoder.normalization
        assert isinstance(normalization, Normalization)
        return normalization

    @property
    def last_layer(self) -> nn.Module:
        """Return the layer that computes the logits."""
        return self.linear

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Compute logits B x num_classes of a normalized image B x C x H x W."""
        logits: Tensor = self.linear(self.dropout(self.hidden(self.pooled(image_BCHW))))
        return logits

    def pooled(self, image_BCHW: Tensor) -> Tensor:
        """Compute the mean of the encoder's last map, B x channels, of B x C x H x W."""
        last: Tensor = self.encoder(image_BCHW)[-1]
        return last.mean((2, 3))

    def probabilities(self, logits_BK: Tensor) -> Tensor:
        """Convert logits to probabilities, B x num_classes, by `outputs`."""
        if self.outputs == "logistic":
            return logits_BK.sigmoid()
        return torch.softmax(logits_BK, 1)
