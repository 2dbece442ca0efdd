"""Former names of modules and classes: checkpoints, runs, sweeps and people's files hold them.

Only what a configuration can name as `_target_` stands here.
"""

from collections.abc import Mapping
from typing import Any

_TARGET = "_target_"
_DATASETS = (
    "ade20k bdd100k camvid camvid_original cityscapes coco_panoptic coco_stuff csv cvat_mask "
    "folder hf_dataset labelme mapillary_vistas oxford_pet pascal_voc shards streets unlabelled"
)
_MODULES = {f"seg.data.{name}": f"seg.data.datasets.{name}" for name in _DATASETS.split()} | {
    "seg.callbacks.agreement": "seg.training.callbacks.ddp_consistency",
    "seg.callbacks.checkpoints": "seg.training.callbacks.checkpoints",
    "seg.callbacks.counted_pixels": "seg.training.callbacks.counted_pixels",
    "seg.callbacks.interruption": "seg.training.callbacks.signal_checkpoint",
    "seg.callbacks.last_batches": "seg.training.callbacks.batch_history",
    "seg.callbacks.learning_rate_scale": "seg.training.callbacks.lr_rollback",
    "seg.callbacks.moving_average": "seg.training.callbacks.ema",
    "seg.callbacks.progress": "seg.training.callbacks.progress",
    "seg.callbacks.pruning": "seg.training.callbacks.pruning",
    "seg.callbacks.quiet": "seg.training.callbacks.silence_warnings",
    "seg.callbacks.random_state": "seg.training.callbacks.rng_state",
    "seg.callbacks.recalibration": "seg.training.callbacks.batch_norm_recalibration",
    "seg.callbacks.running_statistics": "seg.training.callbacks.ddp_consistency",
    "seg.callbacks.stochastic_weight_averaging": "seg.training.callbacks.swa",
    "seg.callbacks.study": "seg.training.callbacks.optuna_study",
    "seg.data.augmentation": "seg.data.transforms.pipeline",
    "seg.data.color_jitter": "seg.data.transforms.color_jitter",
    "seg.data.device_augmentation": "seg.data.transforms.gpu_transforms",
    "seg.data.loading.sampling": "seg.data.loading.samplers",
    "seg.data.scale_crop": "seg.data.transforms.random_scale_crop",
    "seg.loggers.background": "seg.training.loggers.async_logger",
    "seg.loggers.mlflow": "seg.training.loggers.mlflow",
    "seg.loggers.pictures": "seg.training.loggers.image_logging",
    "seg.loggers.trackio": "seg.training.loggers.trackio",
    "seg.loggers.wandb": "seg.training.loggers.wandb",
    "seg.losses.dice": "seg.losses.tversky",
    "seg.losses.hard_pixels": "seg.losses.hard_pixel_mining",
    "seg.losses.image_labels": "seg.losses.classification",
    "seg.losses.jaccard": "seg.losses.tversky",
    "seg.losses.mutual_information": "seg.losses.region_mutual_information",
    "seg.models.decoders.feature_pyramid": "seg.models.decoders.fpn",
    "seg.models.decoders.full_convolution": "seg.models.decoders.deeplabv3plus_full",
    "seg.models.encoders.pyramid": "seg.models.encoders.xception_base",
    "seg.outputs.curve": "seg.training.loggers.csv_logger",
    "seg.outputs.learning_gif": "seg.training.callbacks.prediction_gif",
    "seg.outputs.logged_pictures": "seg.training.callbacks.log_images",
    "seg.teaching.channel_wise": "seg.distillation.channel_wise_kd",
    "seg.teaching.checks": "seg.distillation.base_kd",
    "seg.teaching.distillation": "seg.distillation.distillation",
    "seg.teaching.feature_maps": "seg.distillation.feature_kd",
    "seg.teaching.forward_pass": "seg.distillation.forward_hooks",
    "seg.teaching.grid": "seg.distillation.feature_alignment",
    "seg.teaching.mean_teacher": "seg.distillation.mean_teacher",
    "seg.teaching.objective": "seg.distillation.base_kd",
    "seg.teaching.pseudo_labels": "seg.distillation.pseudo_labels",
    "seg.teaching.soft_labels": "seg.distillation.logit_kd",
    "seg.teaching.term": "seg.distillation.extra_loss",
    "seg.training.callbacks.sync_buffers": "seg.training.callbacks.ddp_consistency",
}
_CLASSES = {  # under the present name of the module
    "seg.distillation.channel_wise_kd.ChannelWise": "ChannelWiseKD",
    "seg.distillation.feature_kd.FeatureMaps": "FeatureKD",
    "seg.distillation.logit_kd.SoftLabels": "LogitKD",
    "seg.losses.hard_pixel_mining.TopPixels": "HardPixelMining",
    "seg.training.callbacks.log_images.LoggedPictures": "LogImages",
}


def present_name(target: Any) -> Any:
    """Return the dotted path by which a class or function goes today; others as they are."""
    if not isinstance(target, str):
        return target
    module, _, name = target.rpartition(".")
    module = _MODULES.get(module, module)
    return f"{module}.{_CLASSES.get(f'{module}.{name}', name)}" if module else target


def with_present_names(plain: Any) -> Any:
    """Return plain data with the present name in each `_target_`, at any depth."""
    if isinstance(plain, Mapping):
        return {
            key: present_name(value) if key == _TARGET else with_present_names(value)
            for key, value in plain.items()
        }
    if isinstance(plain, list | tuple):
        return [with_present_names(value) for value in plain]
    return plain
