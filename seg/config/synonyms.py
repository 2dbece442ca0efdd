"""Synonyms: what other frameworks call a key, and what is typed here."""

from collections.abc import Collection

# What is typed here: the words elsewhere. A message names the remedies whose section exists.
_WORDS = {
    "trainer.max_epochs": "epochs num_epochs n_epochs max_epoch epoch",
    "trainer.max_steps": "steps num_steps iterations iters max_iters max_iter num_iterations",
    "loader.batch_size": "batch_size batch bs batchsize train_batch_size samples_per_gpu",
    "loader.eval_batch_size": "val_batch_size test_batch_size",
    "loader.num_workers": "workers num_workers n_workers num_worker dataloader_num_workers",
    "optimizer.lr": "lr learning_rate base_lr init_lr lr0",
    "optimizer.weight_decay": "wd decay",
    "optimizer=NAME": "optim opt",
    "scheduler=NAME": "lr_scheduler lr_schedule schedule sched",
    "scheduler.warmup_steps": "warmup warmup_steps warmup_iters warmup_epochs",
    "loss=NAME": "criterion loss_fn loss_function",
    "loss.class_weights": "class_weight weight",
    "augmentation=NAME": "aug augs augment augmentations transforms transform",
    "augmentation.crop=[HEIGHT,WIDTH]": "imgsz img_size image_size input_size crop_size patch_size",
    "trainer.accelerator=auto": "device accelerator cuda gpu use_gpu use_cuda",
    "trainer.devices": "gpus num_gpus n_gpus devices nproc world_size gpu_ids",
    "trainer=ddp": "ddp distributed",
    "trainer.precision=bf16-mixed": "amp fp16 bf16 half use_amp mixed_precision",
    "trainer.gradient_clip_val": "clip clip_grad grad_clip max_grad_norm gradient_clip",
    "trainer.accumulate_grad_batches": "accumulate accumulation_steps grad_accum "
    "gradient_accumulation_steps",
    "encoder=NAME": "model backbone arch architecture network net encoder_name model_name",
    "decoder=NAME": "head decode_head decoder_name",
    "encoder.weights=FILE": "pretrained pretrained_weights encoder_weights imagenet",
    "weights=RUN_DIR": "checkpoint ckpt load_from finetune init_from model_path",
    "resume=RUN_DIR": "resume_from resume_from_checkpoint ckpt_path",
    "dataset=folder dataset.root=DIR": "data data_dir data_root data_path dataset_dir "
    "dataset_path train_dir root path images",
    "classification_dataset=image_folder classification_dataset.root=DIR": "data data_dir "
    "data_root data_path dataset_dir train_dir root path images",
    "hydra.run.dir=DIR": "output output_dir out out_dir save_dir work_dir log_dir logdir run_dir",
    "batch_norm=sync": "sync_bn syncbn sync_batchnorm",
    "callbacks=ema": "ema model_ema",
    "logger=NAME": "wandb tensorboard mlflow trackio loggers log",
    "dry_run=true": "debug dryrun fast_dev_run",
    "seed": "random_seed manual_seed random_state",
    "param_groups.frozen_parts=encoder": "freeze freeze_encoder freeze_backbone",
    "checkpoint=RUN_DIR": "model weights ckpt model_path ckpt_path run run_dir",
    "input=FILE_OR_DIR": "source image images img path data folder",
    "precision=fp16": "half fp16 amp",
    "output=PATH": "out output_dir save_dir file",
    "size=[HEIGHT,WIDTH]": "imgsz img_size image_size input_size",
    "source=FILE": "file path checkpoint",
    "num_workers": "workers n_workers",
    "inference.flip=true": "flip tta augment",
    "formats=[labels]": "format save_format",
}


def synonyms(key: str, sections: Collection[str]) -> list[str]:
    """Return what is typed here for a key of another framework.

    Args:
        key: an unknown key; one in a section is searched for that section alone.
        sections: first parts of the keys that the command has.
    """
    section, _, name = key.rpartition(".")
    sections = {section} if section else set(sections)
    if "resume" in sections:  # the command has a run directory
        sections.add("hydra")
    return [
        remedy
        for remedy, words in _WORDS.items()
        if name in words.split() and remedy.replace("=", ".").partition(".")[0] in sections
    ]
