"""How the trainer of one of several processes differs from one that is alone."""

import inspect
from collections.abc import Mapping
from typing import Any

from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning import Callback
from pytorch_lightning.strategies import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from seg.config.schema import TrainerTarget
from seg.training.callbacks.sync_buffers import MeanStatistics
from seg.training.checkpoint import AtomicCheckpointIO

ONE_PROCESS = {"devices": 1, "num_nodes": 1, "strategy": "auto"}


def ddp_kwargs(node: Mapping[str, Any], callbacks: list[Callback]) -> dict[str, Any]:
    """Arguments of the trainer that follow from how many processes there are.

    Gradients are averaged over processes; buffers stay their own (`MeanStatistics` joins the
    network's, and the metrics' must differ). Processes are those that `engine.distributed` has
    started.
    """
    trainer = TrainerTarget.model_validate(dict(node))
    if trainer.processes == 1:
        return {"callbacks": callbacks, "plugins": [AtomicCheckpointIO()]}
    strategy = DDPStrategy(
        **_own_buffers(),
        find_unused_parameters="unused_parameters_true" in node.get("strategy", "auto"),
        gradient_as_bucket_view=True,
    )
    return {
        "callbacks": [MeanStatistics(), *callbacks],  # before those that look at the network
        "plugins": [AtomicCheckpointIO(), TorchElasticEnvironment()],
        "strategy": strategy,
        "devices": trainer.devices_a_node,
    }


def _own_buffers() -> dict[str, Any]:
    known = inspect.signature(DistributedDataParallel).parameters
    new = "forward_sync_buffers"  # torch 2.14; older ones know the other name alone
    return {new if new in known else "broadcast_buffers": False}
