"""GoogLeNet's features; a module of its own, since torchvision loads slowly."""

from collections.abc import Mapping
from typing import Any

import torchvision
from torch import Tensor

from seg.models.blocks import initialize
from seg.models.interfaces import Normalization


class GoogLeNet(torchvision.models.GoogLeNet):  # type: ignore[misc]  # torchvision is untyped
    """GoogLeNet without its classifiers; its maps are the last of each stride, 2 to 32.

    Source: Szegedy et al., "Going Deeper with Convolutions" (CVPR 2015), table 1, with batch norm
    as in torchvision. Its weights were trained on [-1, 1]; torchvision's own network takes
    ImageNet's normalization and undoes it inside.
    """

    normalization = Normalization()
    last_of_stride = ("conv1", "conv3", "inception3b", "inception4e", "inception5b")
    unused_children = ("aux1", "aux2", "avgpool", "dropout", "fc")

    def __init__(self) -> None:
        super().__init__(aux_logits=False, transform_input=False, init_weights=False)
        for name in self.unused_children:
            delattr(self, name)
        initialize(self)

    def forward(self, image_BCHW: Tensor) -> list[Tensor]:
        """Compute maps of stride 2, 4, 8, 16 and 32 of a normalized image B x 3 x H x W."""
        maps = []
        x = image_BCHW
        for name, layer in self.named_children():
            x = layer(x)
            if name in self.last_of_stride:
                maps.append(x)
        return maps

    def load_published(self, weights: Any) -> None:
        """Download torchvision's weights and load those of the features.

        Args:
            weights: a member of `torchvision.models.GoogLeNet_Weights`.
        """
        tensors: Mapping[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
        features = {
            key: value
            for key, value in tensors.items()
            if key.partition(".")[0] not in self.unused_children
        }
        self.load_state_dict(features)
