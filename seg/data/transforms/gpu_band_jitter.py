"""Gain, offset and noise of each band where the network computes."""

from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

Range = tuple[float, float]


class DeviceBandJitter(v2.Transform):  # type: ignore[misc]  # torchvision is untyped
    """`seg.data.transforms.band_jitter.BandJitter` for `on_device` and other lists of torchvision.

    Args:
        gain: smallest and largest factor of a band.
        offset: smallest and largest shift of a band, in units of images of 0..255.
        noise: smallest and largest standard deviation of a band's noise, in the same units.
        p: probability.

    Attributes:
        clip: whether floating-point results beyond 0 and 1 are cut off.

    Raises:
        ValueError: ends in the wrong order, or a negative gain or noise.
    """

    _transformed_types = (tv_tensors.Image,)

    def __init__(
        self,
        gain: Range = (0.8, 1.2),
        offset: Range = (-10.0, 10.0),
        noise: Range = (0.0, 0.0),
        p: float = 0.5,
    ) -> None:
        super().__init__()
        for name, ends in (("gain", gain), ("offset", offset), ("noise", noise)):
            if not ends[0] <= ends[1]:
                raise ValueError(f"{name}={tuple(ends)} must be (smallest, largest)")
        if gain[0] < 0 or noise[0] < 0:
            raise ValueError("gain and noise must be 0 or more")
        self.gain, self.offset, self.noise = tuple(gain), tuple(offset), tuple(noise)
        self.p = p
        self.clip = True

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the change of each band."""
        image = flat_inputs[0]
        ranges = torch.tensor((self.gain, self.offset, self.noise), device=image.device)
        draws = torch.rand(3, image.shape[-3], device=image.device)
        gain, offset, noise = torch.lerp(ranges[:, :1], ranges[:, 1:], draws)[..., None, None]
        applies = torch.rand(()).item() < self.p
        return {"applies": applies, "gain": gain, "offset": offset, "noise": noise}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Change an image, C x H x W: uint8, or floating-point in 0..1."""
        if not params["applies"]:
            return inpt
        image = inpt.as_subclass(Tensor)
        is_float = image.is_floating_point()
        unit = 1 / 255 if is_float else 1.0
        changed = image * params["gain"] + params["offset"] * unit
        if self.noise[1]:
            changed = changed + torch.randn_like(changed) * params["noise"] * unit
        if not is_float:
            changed = changed.round().clamp(0, 255).to(image.dtype)
        elif self.clip:
            changed = changed.clamp(0, 1)
        wrapped: Tensor = tv_tensors.wrap(changed, like=inpt)
        return wrapped
