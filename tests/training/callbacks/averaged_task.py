"""A small task whose weights are recorded after each step, and its data."""

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

STEPS = 7
QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}


class Task(pl.LightningModule):
    """A network with a batch norm; notes its weights after each step and while validating."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.after_steps = []
        self.validated = []

    def weights(self):
        return {name: value.clone() for name, value in self.model.state_dict().items()}

    def training_step(self, batch, _):
        return self.model(batch).square().mean()

    def on_train_batch_end(self, *_):
        self.after_steps.append(self.weights())

    def validation_step(self, batch, _):
        self.validated.append(self.weights())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5, momentum=0.9)


def loader():
    """The same batch again and again, so that it does not matter where in it a run goes on."""
    generator = torch.Generator().manual_seed(1)
    return DataLoader(torch.randn(4, 3, generator=generator).repeat(STEPS, 1), batch_size=4)


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name])
