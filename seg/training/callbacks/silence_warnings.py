"""Filters for harmless messages of libraries."""

import logging
import warnings

_KNOWN_HARMLESS = (
    "The '.*_dataloader' does not have many workers",  # two cores: workers take what training needs
    "The number of training batches .* is smaller than the logging interval",
    "Experiment logs directory .* exists and is not empty",  # the run directory; it is claimed once
    "Checkpoint directory .* exists and is not empty",
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",  # torch, used inside pytorch-lightning
    "GPU available but not used",
    "Found .* module.* in eval mode at the start of training",  # what is frozen by choice
    "It is recommended to use `self.log\\(.*sync_dist=True",  # scores are of all ranks already
)


def quiet() -> None:
    """Silence Lightning's banners and the harmless warnings; errors and all other warnings stay."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message in _KNOWN_HARMLESS:
        warnings.filterwarnings("ignore", message=message)
