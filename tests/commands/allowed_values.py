"""What is out of its range, by what is chosen: `test_allowed_values.py` types what is allowed."""

# What is chosen -> what is wrong with it; a message allows another value of the same key.
TRAIN = {
    (): [
        "trainer.precision=17",
        "trainer.strategy=x",
        "loss.label_smoothing=1",
        "callbacks.log_images.samples=0",
        "callbacks.gif.samples=0",
        "callbacks.gif.frames=1",
        "callbacks.checkpoints.every_minutes=0",
        "param_groups.layer_decay=2",
        "param_groups.bias_multiplier=0",
        "param_groups.frozen_parts=99",
        "batch_norm.momentum=2",
        "batch_norm.recalibrate=-1",
        "seed=-1",
        "dataset.subset_fraction=0",
        "nan_policy.action=go",
        "nan_policy.lr_factor=1",
        "scheduler.slow_start_share=2",
    ],
    ("aux_head=fcn",): ["aux_head.channels=0", "aux_head.dropout=1", "aux_head.weights=[0]"],
    ("callbacks=ema", "loss=focal"): [
        "callbacks.averaging.decay=1",
        "loss.gamma=-1",
        "encoder.output_stride=12",
    ],
    ("callbacks=swa", "loss=hard_pixel_mining", "scheduler=step"): [
        "callbacks.averaging.start_share=2",
        "callbacks.averaging.every_steps=0",
        "loss.share=0",
        "loss.ramp_steps=-1",
        "scheduler.gamma=2",
    ],
    ("loss=cross_entropy_boundary", "scheduler=exponential"): [
        "loss.terms.1.width_px=0",
        "scheduler.every_steps=0",
    ],
    ("loss=cross_entropy_rmi", "scheduler=one_cycle"): [
        "loss.terms.1.side_px=0",
        "scheduler.rise_share=2",
    ],
    ("loss=ohem", "decoder=feature_pyramid"): [
        "loader.batch_size=0",
        "loader.batch_size=1000",
        "loss.min_share=0",
    ],
}
PRETRAIN = {
    ("mixup=cutmix_mixup",): [
        "head.dropout=1",
        "head.hidden=[0]",
        "classification_augmentation.centre_share=0",
        "mixup.switch=2",
        "mixup.probability=2",
        "label_smoothing=1",
        "classification_dataset.size=1",
    ],
}
EVALUATE = {
    ("checkpoint=x",): [
        "inference.window=[0,64]",
        "inference.overlap=1",
        "inference.blending=other",
        "inference.scales=[0]",
        "inference.max_memory_gib=0",
    ],
}
TABLES = {"train": TRAIN, "pretrain": PRETRAIN, "evaluate": EVALUATE}
