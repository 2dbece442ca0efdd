"""Processes that end with other weights are told."""

import pytest
import torch
from torch import nn

from seg.errors import WorkerProcessError
from seg.training.callbacks.ddp_consistency import Agreement


class SecondProcess:
    """A process whose first fellow holds the weights of `first`."""

    world_size = 2
    is_global_zero = False

    def __init__(self, first: nn.Module) -> None:
        self.strategy = self
        self.first = first

    def broadcast(self, _):
        held = [each.detach().double() for each in self.first.parameters()]
        return torch.stack([torch.stack((each.sum(), each.square().sum())) for each in held])

    def reduce_boolean_decision(self, decision, all):  # noqa: A002
        return decision


def test_the_same_weights_pass_and_others_do_not():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    with pytest.raises(WorkerProcessError, match="different weights"):
        Agreement().on_train_end(SecondProcess(theirs), ours)
    theirs.load_state_dict(ours.state_dict())
    Agreement().on_train_end(SecondProcess(theirs), ours)
    with torch.no_grad():
        theirs.weight[1, 2] = theirs.weight[1, 2].nextafter(torch.tensor(9.0))
    with pytest.raises(WorkerProcessError):
        Agreement().on_train_end(SecondProcess(theirs), ours)
