"""Batch norms with statistics over all processes, also on CPUs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seg.errors import ConfigError


class CpuSyncBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes as if they were one, on CPUs.

    It does what `nn.SyncBatchNorm` does on GPUs (Zhang et al., "Context Encoding for Semantic
    Segmentation", CVPR 2018, section 4), by two sums over processes forward (mean, then squared
    distances to it: no digits are lost) and two backward. Batches may differ in size. In
    evaluation, and in a single process, it is a plain batch norm.
    """

    def forward(self, x_BC: Tensor) -> Tensor:
        """Normalize B x C x H x W."""
        is_distributed = distributed.is_available() and distributed.is_initialized()
        if not (self.training and is_distributed and distributed.get_world_size() > 1):
            return super().forward(x_BC)
        axes = [axis for axis in range(x_BC.dim()) if axis != 1]
        per_channel = [-1 if axis == 1 else 1 for axis in range(x_BC.dim())]
        x = x_BC.float() if x_BC.dtype in (torch.float16, torch.bfloat16) else x_BC
        size = x.new_tensor([x.numel() / x.shape[1]])
        total_C, count = _over_processes(torch.cat([x.sum(axes), size])).tensor_split([-1])
        mean_C = total_C / count
        centred = x - mean_C.view(per_channel)
        variance_C = _over_processes(centred.square().sum(axes)) / count
        self._track(mean_C.detach(), variance_C.detach(), count)
        scale_C = (variance_C + self.eps).rsqrt()
        shift_C = None
        if self.affine:
            scale_C, shift_C = scale_C * self.weight, self.bias.view(per_channel)
        out = centred * scale_C.view(per_channel)
        return (out if shift_C is None else out + shift_C).to(x_BC.dtype)

    @torch.no_grad()
    def _track(self, mean_C: Tensor, variance_C: Tensor, count: Tensor) -> None:
        if not self.track_running_stats:
            return
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        unbiased_C = variance_C * (count / (count - 1))
        self.running_mean.lerp_(mean_C.to(self.running_mean.dtype), share)
        self.running_var.lerp_(unbiased_C.to(self.running_var.dtype), share)


def with_sync_batch_norms(network: nn.Module, device: torch.device) -> nn.Module:
    """Replace each batch norm of a network by a synchronized one; parameters and names stay.

    Args:
        network: changed in place; frozen statistics stay frozen.
        device: where it will compute. Elsewhere than on a CPU: timm's conversion to
            `nn.SyncBatchNorm`, which handles timm's norms with an activation too.

    Raises:
        ConfigError: on a CPU, a batch norm of another kind than `nn.BatchNorm2d`.
    """
    if device.type != "cpu":
        from timm.layers import norm_act  # loads torchvision, which prediction does without

        convert: Callable[[nn.Module], nn.Module] = norm_act.convert_sync_batchnorm
        return convert(network)
    for name, module in network.named_modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = CpuSyncBatchNorm
        elif isinstance(module, _BatchNorm) and not isinstance(module, CpuSyncBatchNorm):
            raise ConfigError(
                f"batch_norm=sync: {name} is a {type(module).__name__}, which is synchronised on"
                " GPUs alone; choose another encoder or batch_norm"
            )
    return network


class _SumOverProcesses(torch.autograd.Function):
    """Sum over all processes, whose gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total


def _over_processes(value: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(value)
    return total
