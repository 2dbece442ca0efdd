"""Random numbers that go on where a checkpoint was written."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, distributed

States = dict[str, Tensor]


class RandomState(Callback):
    """Keeps the state of torch's generators, of every process, in checkpoints.

    Dropout and stochastic depth draw from them; samples have generators of their own.
    """

    def __init__(self) -> None:
        self._kept: list[States] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if len(self._kept) == trainer.world_size:
            states = self._kept[trainer.global_rank]
            torch.set_rng_state(states["cpu"])
            if "cuda" in states and torch.cuda.is_available():
                torch.cuda.set_rng_state(states["cuda"], pl_module.device)
        self._kept = []

    def state_dict(self) -> dict[str, Any]:
        own = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            own["cuda"] = torch.cuda.get_rng_state()
        if not (distributed.is_available() and distributed.is_initialized()):
            return {"ranks": [own]}
        every: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(every, own)
        return {"ranks": every}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._kept = state_dict["ranks"]
