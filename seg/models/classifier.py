"""Image classification on an encoder: pretraining, and the published ImageNet weights."""

from typing import Any

from torch import Tensor, nn

from seg.models.contract import Normalization


class Classifier(nn.Module):
    """Encoder -> mean over the last map -> linear layer.

    Args:
        encoder: keeps `seg.models.contract.Encoder`.
        num_classes: number of logits an image.
    """

    def __init__(self, encoder: nn.Module, *, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        channels: Any = encoder.channels
        self.linear = nn.Linear(channels[-1], num_classes)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    @property
    def normalization(self) -> Normalization:
        normalization: Any = self.encoder.normalization
        assert isinstance(normalization, Normalization)
        return normalization

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Normalised B x C x H x W -> logits B x num_classes."""
        logits: Tensor = self.linear(self.pooled(image_BCHW))
        return logits

    def pooled(self, image_BCHW: Tensor) -> Tensor:
        """B x C x H x W -> the mean of the encoder's last map, B x channels."""
        last: Tensor = self.encoder(image_BCHW)[-1]
        return last.mean((2, 3))
