"""Networks that are timed: the peers' and ours."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

NUM_CLASSES = 19
Layout = torch.memory_format


@dataclass(frozen=True)
class Workload:
    """Workload of every way.

    Attributes:
        batch: number of images.
        size: their height and width, pixels.
        encoder: of our network.
        decoder: of our network.
        output_stride: of our network.
        peer_encoder: of segmentation-models-pytorch, `tu-` and the name in timm.
        device: of the networks.
    """

    batch: int
    size: tuple[int, int]
    encoder: str
    decoder: str
    output_stride: int
    peer_encoder: str
    device: torch.device

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; the device by its name."""
        on_cuda = self.device.type == "cuda"
        device = torch.cuda.get_device_name(self.device) if on_cuda else self.device.type
        return vars(self) | {"device": device}

    def images(self) -> Tensor:
        """Return seeded random images, uint8, B x 3 x H x W."""
        generator = torch.Generator().manual_seed(0)
        shape = (self.batch, 3, *self.size)
        return torch.randint(256, shape, generator=generator, dtype=torch.uint8).to(self.device)


def smp_network(job: Workload) -> nn.Module:
    """Return the DeepLabV3+ of segmentation-models-pytorch, with random weights."""
    import segmentation_models_pytorch as smp

    model: nn.Module = smp.DeepLabV3Plus(
        job.peer_encoder,
        encoder_weights=None,
        encoder_output_stride=job.output_stride,
        classes=NUM_CLASSES,
    )
    padding = [-side % job.output_stride for side in job.size]
    return model if padding == [0, 0] else _Padded(model, *padding)


class _Padded(nn.Module):
    """Padding that smp advises for sizes that the output stride does not divide."""

    def __init__(self, network: nn.Module, below: int, right: int) -> None:
        super().__init__()
        self.network, self.padding = network, (0, right, 0, below)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        height, width = image_BCHW.shape[2:]
        logits: Tensor = self.network(functional.pad(image_BCHW, self.padding))
        return logits[..., :height, :width]


def torchvision_network(job: Workload) -> nn.Module:
    """Return the DeepLabV3 of torchvision: another network, of another encoder."""
    from torchvision.models.segmentation import deeplabv3_resnet101

    class Out(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = deeplabv3_resnet101(
                weights=None, weights_backbone=None, num_classes=NUM_CLASSES
            )

        def forward(self, image_BCHW: Tensor) -> Tensor:
            logits: Tensor = self.network(image_BCHW)["out"]
            return logits

    return Out()


def timm_network(job: Workload) -> nn.Module:
    """Return the encoder alone: no decoder can be faster than that."""
    import timm

    name = job.peer_encoder.removeprefix("tu-")

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = timm.create_model(
                name, pretrained=False, features_only=True, output_stride=job.output_stride
            )

        def forward(self, image_BCHW: Tensor) -> Tensor:
            last: Tensor = self.network(image_BCHW)[-1]
            return last

    return Last()


def our_network(job: Workload, **encoder_options: object) -> Any:
    """Return our network, with random weights."""
    from seg.models.segmenter import create_model

    return create_model(
        job.encoder,
        job.decoder,
        num_classes=NUM_CLASSES,
        output_stride=job.output_stride,
        encoder_options=encoder_options,
    )
