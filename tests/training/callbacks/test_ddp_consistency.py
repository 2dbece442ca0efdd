"""Processes that end with different weights are reported, whatever differs in them."""

import copy

import pytest
import torch
from torch import nn

from seg.errors import WorkerProcessError
from seg.training.callbacks.ddp_consistency import Agreement


class Process:
    """One of two processes: the first sends a message, the second receives it."""

    world_size = 2

    def __init__(self, received=None):
        self.strategy = self
        self.is_global_zero = received is None
        self.message = received

    def broadcast(self, message):
        if self.is_global_zero:
            self.message = message
        return self.message

    def reduce_boolean_decision(self, decision, all):  # noqa: A002
        return decision


def compare(first, second):
    sender = Process()
    Agreement().on_train_end(sender, first)
    Agreement().on_train_end(Process(sender.message), second)


def with_next_value(network):
    network[0].weight[1, 2] = network[0].weight[1, 2].nextafter(torch.tensor(9.0))


def with_swapped_entries(network):
    network[0].weight[[0, 1], [2, 3]] = network[0].weight[[1, 0], [3, 2]]


def with_swapped_rows(network):
    network[0].weight[[0, 1]] = network[0].weight[[1, 0]]


def with_swapped_layers(network):
    network[0], network[1] = network[1], network[0]


def with_other_values(network):
    network[1].weight.normal_()


@pytest.mark.parametrize(
    "change",
    [
        with_next_value,
        with_swapped_entries,
        with_swapped_rows,
        with_swapped_layers,
        with_other_values,
    ],
)
def test_the_same_weights_pass_and_others_do_not(change):
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
    second = copy.deepcopy(first)
    compare(first, second)
    with torch.no_grad():
        change(second)
    with pytest.raises(WorkerProcessError, match="different weights"):
        compare(first, second)
