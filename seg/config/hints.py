"""Messages for keys and values that a schema refuses, with hints at what was probably meant."""

from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from seg.config.conf_dir import option_file, option_files
from seg.config.facts import FOLLOWS, follows
from seg.config.former_keys import renamed
from seg.config.options import nearest
from seg.errors import first_of

_MAX_LISTED = 8
_LIST = "give a list, as [A,B]"
_REASONS = {
    **dict.fromkeys(("sequence_str", "tuple_type", "list_type", "set_type"), _LIST),
    "dict_type": "give a mapping, as {a: b}",
    "path_type": "give a path",
    "string_type": "give a word or a text",
    "bool_parsing": "give true or false",
    "int_parsing": "give a whole number",
    "int_from_float": "give a whole number",
    "float_parsing": "give a number",
}
_BOUNDS = {
    "greater_than_equal": "allowed: {ge:g} or more",
    "greater_than": "allowed: above {gt:g}",
    "less_than_equal": "allowed: up to {le:g}",
    "less_than": "allowed: below {lt:g}",
}
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


def reason(detail: ErrorDetails) -> str:
    """Return why a value is refused; pydantic's own message where it fits."""
    if detail["type"] == "is_instance_of" and detail["ctx"]["class"] == "Sequence":
        return _LIST
    if detail["type"] in _BOUNDS:
        return _BOUNDS[detail["type"]].format(**detail["ctx"])
    if detail["type"] == "literal_error":  # pydantic lists them as 'a', 'b' or 'c'
        options = str(detail["ctx"]["expected"]).replace("'", "")
        return f"allowed: {options.replace(' or ', ', ')}"
    message = detail["msg"].removeprefix("Value error, ")
    return _REASONS.get(detail["type"], message[:1].lower() + message[1:])


def describe(schema: type[BaseModel], detail: ErrorDetails) -> str:
    """Return the line of an error message for what a schema refuses."""
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        allowed = sorted(_fields(schema, detail["loc"][:-1]))
        return no_such_key(key, allowed, allowed)
    if detail["type"] == "missing":
        return f"{key}: missing; give {key}=..."
    if detail["type"] == "model_type":
        keys = ", ".join(f"{key}.{name}" for name in sorted(_fields(schema, detail["loc"])))
        return f"{key}={detail['input']!r}: is a section; its keys: {keys}"
    if detail["type"] == "value_error":
        return f"{key}.{detail['msg'].removeprefix('Value error, ')}".removeprefix(".")
    return f"{key}={detail['input']!r}: {reason(detail)}"


def no_such_key(key: str, allowed: list[str], sections: Iterable[str], further: str = "") -> str:
    """Return the message for an unknown key.

    Args:
        key: with dots.
        allowed: the keys beside which it was written.
        sections: of the command's configuration, as it has them.
        further: what to say where nothing is known of the key.
    """
    section, _, name = key.rpartition(".")
    if follows(section, name):
        return f"{key}: {FOLLOWS}"
    known = hint(key, sections) or further
    close = "" if known else nearest(name, allowed)
    return f"{key}: no such key; allowed: {', '.join(allowed)}{close}{known}"


def hint(key: str, sections: Iterable[str]) -> str:
    """Return a further line for an error about an unknown key; empty where nothing is known.

    Args:
        key: as typed, with dots.
        sections: of the command's configuration, as it has them.
    """
    sections = set(sections)
    if present := renamed(key, sections):
        return f"\n  {key} is called {present} now"
    section, _, name = key.rpartition(".")
    options = options_with(section, name) if section else []
    if options:
        # the usual one, where it is among them
        option = next((each for each in ("folder", "cross_entropy") if each in options), options[0])
        return (
            f"\n  {name} is a key of {section}={first_of(options, _MAX_LISTED)}"
            f"\n  choose one of them too: {section}={option} {key}=..."
        )
    similar = _synonyms(key, sections) or _elsewhere(name, sections)
    return f"\n  did you mean {' or '.join(similar)}?" if similar else ""


def options_with(group: str, name: str) -> list[str]:
    """Return the options of a group that have a key of that name."""
    if not group.isidentifier():
        return []
    return [file.stem for file in option_files(group) if name in _keys(file)]


def _synonyms(key: str, sections: Collection[str]) -> list[str]:
    """Return what is typed here for a key of another framework, in its section or in any."""
    section, _, name = key.rpartition(".")
    sections = {section} if section else set(sections)
    if "resume" in sections:  # the command has a run directory
        sections.add("hydra")
    return [
        remedy
        for remedy, words in _WORDS.items()
        if name in words.split() and remedy.replace("=", ".").partition(".")[0] in sections
    ]


def _elsewhere(name: str, sections: Iterable[str]) -> list[str]:
    """Return keys of that name in other sections; else those that end in it: `max_epochs`."""
    known = sorted(
        {
            (section, key)
            for section in sections
            for file in option_files(section)
            for key in _keys(file)
        }
    )
    alike = [f"{section}.{key}" for section, key in known if key == name]
    within = [f"{section}.{key}" for section, key in known if key.endswith(f"_{name}")]
    return (alike or within)[:3]


@cache
def _keys(file: Path) -> frozenset[str]:
    """Return the keys of an option, with those of its bases."""
    content = yaml.safe_load(file.read_text("utf-8")) or {}
    keys = {key for key in content if key != "defaults" and not key.startswith("_")}
    for base in content.get("defaults", ()):
        if isinstance(base, str) and base != "_self_":
            found = option_file(file.parent.name, base)
            keys |= frozenset() if found is None else _keys(found)
    return frozenset(keys)


def _fields(schema: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    for part in location:
        annotation = schema.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return set()
        schema = annotation
    return {field.alias or name for name, field in schema.model_fields.items()}
