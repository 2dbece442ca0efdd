"""Random states in checkpoints, so that a resumed run draws the same numbers."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, distributed

States = dict[str, Tensor]


class RandomState(Callback):
    """Keeper of the state of torch's generators, of every process, in checkpoints.

    Dropout and stochastic depth use them; samples have generators of their own.
    """

    def __init__(self) -> None:
        self._states: list[States] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the generators, if there are as many processes as before."""
        if len(self._states) == trainer.world_size:
            states = self._states[trainer.global_rank]
            torch.set_rng_state(states["cpu"])
            if "cuda" in states and torch.cuda.is_available():
                torch.cuda.set_rng_state(states["cuda"], pl_module.device)
        self._states = []

    def state_dict(self) -> dict[str, Any]:
        """Collect the states of all processes."""
        own = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            own["cuda"] = torch.cuda.get_rng_state()
        if not (distributed.is_available() and distributed.is_initialized()):
            return {"ranks": [own]}
        every: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(every, own)
        return {"ranks": every}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Hold the states until training starts."""
        self._states = state_dict["ranks"]
