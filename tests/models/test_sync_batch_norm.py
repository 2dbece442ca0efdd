"""Synchronised batch norm on two processes against PyTorch's on one that has the whole batch."""

from pathlib import Path

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import distributed, multiprocessing, nn

from seg.errors import ConfigError
from seg.models.sync_batch_norm import CpuSyncBatchNorm, with_sync_batch_norms

WORLD = 2
CPU = torch.device("cpu")
SHARES = (slice(0, 3), slice(3, 4))  # batches of different sizes


def network(momentum) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5, momentum=momentum), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Conv2d(5, 4, 1), nn.BatchNorm2d(4, affine=False))
    nn.init.uniform_(net[1].weight)
    nn.init.uniform_(net[1].bias)
    return net.double()


def results_of(net: nn.Module, images, weights) -> dict[str, torch.Tensor]:
    """Two training steps' worth of statistics, then outputs and gradients of the second."""
    net(images + 1)
    images = images.clone().requires_grad_()
    out = net(images)
    (out * weights).sum().backward()
    gradients = {f"gradient of {name}": p.grad for name, p in net.named_parameters()}
    return {"out": out.detach(), "image": images.grad, **gradients, **net.state_dict()}


def samples():
    generator = torch.Generator().manual_seed(1)
    images = 50 + torch.randn(4, 3, 9, 7, generator=generator, dtype=torch.float64)
    return images, torch.randn(4, 4, 7, 5, generator=generator, dtype=torch.float64)


def run_rank(rank: int, folder: str, momentum) -> None:
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=WORLD)
    net = with_sync_batch_norms(network(momentum), CPU)
    images, weights = (each[SHARES[rank]] for each in samples())
    torch.save(results_of(net, images, weights), Path(folder, f"{rank}.pt"))
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("momentum", [0.1, None])
def test_two_processes_equal_one_with_the_whole_batch(momentum, tmp_path):
    multiprocessing.spawn(run_rank, args=(str(tmp_path), momentum), nprocs=WORLD)
    expected = results_of(network(momentum), *samples())
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(WORLD)]
    assert ranks[0].keys() == expected.keys()
    for name, value in expected.items():
        found = [rank[name] for rank in ranks]
        if name in ("out", "image"):
            torch.testing.assert_close(torch.cat(found), value)
        elif name.startswith("gradient"):
            torch.testing.assert_close(sum(found), value)
        else:
            for each in found:
                torch.testing.assert_close(each, value)


def test_alone_it_is_a_batch_norm_with_the_same_names_and_tensors():
    plain, net = network(0.2), network(0.2)
    held = dict(net.named_parameters())
    converted = with_sync_batch_norms(net, CPU)
    assert all(p is held[name] for name, p in converted.named_parameters())
    assert isinstance(converted[1], CpuSyncBatchNorm)
    assert converted.state_dict().keys() == plain.state_dict().keys()
    images, _ = samples()
    torch.testing.assert_close(converted(images), plain(images))
    torch.testing.assert_close(converted.eval()(images), plain.eval()(images))
    torch.testing.assert_close(converted.state_dict(), plain.state_dict())


def test_elsewhere_it_is_pytorchs_own_also_of_norms_with_an_activation():
    net = nn.Sequential(nn.BatchNorm2d(3), BatchNormAct2d(3))
    converted = with_sync_batch_norms(net, torch.device("cuda"))
    assert all(isinstance(norm, nn.SyncBatchNorm) for norm in converted)
    assert isinstance(converted[1].act, nn.ReLU)


def test_a_norm_that_cannot_be_synchronised_is_named():
    with pytest.raises(ConfigError, match="1 is a BatchNormAct2d"):
        with_sync_batch_norms(nn.Sequential(nn.ReLU(), BatchNormAct2d(3)), CPU)
