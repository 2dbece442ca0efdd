"""The tensors of pytorch-deeplab-xception and DeepLabV3Plus-Pytorch, by name and shape.

Written down from their published structure; none of their code is here.
"""

import zlib
from contextlib import contextmanager
from itertools import chain, pairwise

import numpy as np
import torch


def conv(name, out_channels, in_channels, kernel):
    yield f"{name}.weight", (out_channels, in_channels, kernel, kernel)


def norm(name, channels):
    for field in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{field}", (channels,)


def conv_norm(names, out_channels, in_channels, kernel):
    return chain(conv(names[0], out_channels, in_channels, kernel), norm(names[1], out_channels))


def logits(name, in_channels, num_classes):
    yield f"{name}.weight", (num_classes, in_channels, 1, 1)
    yield f"{name}.bias", (num_classes,)


def separable(name, norm_name, out_channels, in_channels, *, norm_between=True):
    yield from conv(f"{name}.conv1", in_channels, 1, 3)
    if norm_between:
        yield from norm(f"{name}.bn", in_channels)
    yield from conv(f"{name}.pointwise", out_channels, in_channels, 1)
    yield from norm(norm_name, out_channels)


def block(name, widths, *, first, skip, norm_between=True):
    """`first`: position of the first convolution in `rep`, 0 without a ReLU before it, else 1."""
    for index, (width, out_width) in enumerate(pairwise(widths)):
        place = f"{name}.rep.{first + 3 * index}"
        after = f"{name}.rep.{first + 3 * index + 1}"
        yield from separable(place, after, out_width, width, norm_between=norm_between)
    if skip:
        yield from conv_norm((f"{name}.skip", f"{name}.skipbn"), widths[-1], widths[0], 1)


def pytorch_deeplab(num_classes):
    """Every tensor of pytorch-deeplab-xception's DeepLab around its Xception."""
    yield from conv_norm(("backbone.conv1", "backbone.bn1"), 32, 3, 3)
    yield from conv_norm(("backbone.conv2", "backbone.bn2"), 64, 32, 3)
    yield from block("backbone.block1", (64, 128, 128, 128), first=0, skip=True)
    yield from block("backbone.block2", (128, 256, 256, 256), first=0, skip=True)
    yield from block("backbone.block3", (256, 728, 728, 728), first=1, skip=True)
    for number in range(4, 20):
        yield from block(f"backbone.block{number}", (728,) * 4, first=1, skip=False)
    yield from block("backbone.block20", (728, 728, 1024, 1024), first=1, skip=True)
    for number, widths in enumerate(((1536, 1024), (1536, 1536), (2048, 1536)), start=3):
        yield from separable(f"backbone.conv{number}", f"backbone.bn{number}", *widths)
    for number in range(1, 5):
        names = (f"aspp.aspp{number}.atrous_conv", f"aspp.aspp{number}.bn")
        yield from conv_norm(names, 256, 2048, 1 if number == 1 else 3)
    yield from conv_norm(("aspp.global_avg_pool.1", "aspp.global_avg_pool.2"), 256, 2048, 1)
    yield from conv_norm(("aspp.conv1", "aspp.bn1"), 256, 1280, 1)
    yield from conv_norm(("decoder.conv1", "decoder.bn1"), 48, 128, 1)
    yield from conv_norm(("decoder.last_conv.0", "decoder.last_conv.1"), 256, 304, 3)
    yield from conv_norm(("decoder.last_conv.4", "decoder.last_conv.5"), 256, 256, 3)
    yield from logits("decoder.last_conv.8", 256, num_classes)


def vainf_pyramid(name, in_channels):
    yield from conv_norm((f"{name}.convs.0.0", f"{name}.convs.0.1"), 256, in_channels, 1)
    for i in (1, 2, 3):
        yield from conv_norm((f"{name}.convs.{i}.0", f"{name}.convs.{i}.1"), 256, in_channels, 3)
    yield from conv_norm((f"{name}.convs.4.1", f"{name}.convs.4.2"), 256, in_channels, 1)
    yield from conv_norm((f"{name}.project.0", f"{name}.project.1"), 256, 1280, 1)


def vainf_plus(in_channels, low_level_channels, num_classes):
    """Every tensor of DeepLabV3Plus-Pytorch's DeepLabV3+ classifier."""
    names = ("classifier.project.0", "classifier.project.1")
    yield from conv_norm(names, 48, low_level_channels, 1)
    yield from vainf_pyramid("classifier.aspp", in_channels)
    yield from conv_norm(("classifier.classifier.0", "classifier.classifier.1"), 256, 304, 3)
    yield from logits("classifier.classifier.3", 256, num_classes)


def vainf_plain(in_channels, num_classes):
    """Every tensor of its DeepLabV3 classifier."""
    yield from vainf_pyramid("classifier.classifier.0", in_channels)
    yield from conv_norm(("classifier.classifier.1", "classifier.classifier.2"), 256, 256, 3)
    yield from logits("classifier.classifier.4", 256, num_classes)


def vainf_xception():
    """Every tensor of its Xception; the norm after the last convolution is not among them."""
    options = {"norm_between": False}
    yield from conv_norm(("backbone.conv1", "backbone.bn1"), 32, 3, 3)
    yield from conv_norm(("backbone.conv2", "backbone.bn2"), 64, 32, 3)
    yield from block("backbone.block1", (64, 128, 128), first=0, skip=True, **options)
    yield from block("backbone.block2", (128, 256, 256), first=1, skip=True, **options)
    yield from block("backbone.block3", (256, 728, 728), first=1, skip=True, **options)
    for number in range(4, 12):
        yield from block(f"backbone.block{number}", (728,) * 4, first=1, skip=False, **options)
    yield from block("backbone.block12", (728, 728, 1024), first=1, skip=True, **options)
    yield from separable("backbone.conv3", "backbone.bn3", 1536, 1024, **options)
    yield from conv("backbone.conv4.conv1", 1536, 1, 3)
    yield from conv("backbone.conv4.pointwise", 2048, 1536, 1)


def seeded(shapes):
    """A value for each name that depends on the name alone; activations stay of order one."""
    return {name: torch.from_numpy(values(name, shape)) for name, shape in dict(shapes).items()}


def values(name, shape):
    draw = np.random.RandomState(zlib.crc32(name.encode())).random_sample(shape).astype("f4")
    if name.endswith("running_var"):
        return 0.5 + draw
    if len(shape) == 4:
        return (2 * draw - 1) * np.float32((3 / np.prod(shape[1:])) ** 0.5)
    is_gain = name.endswith("weight")
    return draw + 0.5 if is_gain else draw - 0.5


def picture(*shape):
    draw = np.random.RandomState(zlib.crc32(str(shape).encode())).random_sample(shape)
    return torch.from_numpy(4 * draw - 2)


def sampled(found):
    """Ten values spread over a tensor, then its mean and deviation."""
    places = np.linspace(0, found.numel() - 1, 10).astype(int)
    return [*found.flatten()[places].tolist(), found.mean().item(), found.std().item()]


@contextmanager
def checkpoint(folder, content):
    """A file as a training script leaves it, gone afterwards: it may have 200 MB."""
    path = folder / "checkpoint.pth.tar"
    torch.save({"epoch": 7, **content}, path)
    yield path
    path.unlink()
