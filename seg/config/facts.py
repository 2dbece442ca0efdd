"""Arguments that the code supplies, so that a configuration must not."""

RUNTIME_ARGS: dict[str, tuple[str, ...]] = {
    "dataset": ("split",),
    "augmentation": ("ignore_index", "decoding"),
    "encoder": ("in_channels",),
    "decoder": ("encoder", "num_classes"),
    "sampler": ("samples", "statistics"),
    "loss": ("num_classes", "ignore_index"),
    "distillation": ("run",),
    "semi_supervised": ("run",),
    "aux_head": ("encoder", "num_classes"),
    "optimizer": ("params",),
    "scheduler": ("optimizer", "total_steps"),
    "param_groups": (),
    "batch_norm": ("batch_size",),
    "trainer": ("callbacks", "logger", "default_root_dir", "plugins"),
    "inference": (),
    "classification_dataset": ("split",),
    "classification_augmentation": ("decoding",),
    "mixup": ("num_classes",),
    "head": ("encoder", "num_classes"),
}

_ANYWHERE = ("num_classes", "in_channels", "ignore_index")
FOLLOWS = "follows from the other choices (data set, encoder, bands of images); leave it out"


def follows(section: str, name: str) -> bool:
    """Return whether the code supplies a key's value, wherever a user writes it."""
    return name in RUNTIME_ARGS.get(section, ()) or name in _ANYWHERE
