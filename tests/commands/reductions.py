"""How the command lines of the pages run here: in which directory, with what appended, which not.

What stands for the words in capitals is small; REDUCED is what a line gets appended, so that it
takes seconds.
"""

import re

from tests.commands.documented import words
from tests.conftest import SMALL

# What stands for the words in capitals, and for `...`; the longest counts.
VALUES = {
    **{word: word.lower() for word in ("RUN_DIR", "SWEEP_DIR", "RUN_A", "RUN_B", "SOURCE", "DIR")},
    **{word: word.lower() for word in ("FILES", "FILE", "NAME")},
    **{f"{key}=DIR": f"{key}=data" for key in ("dataset.root", "camvid_root")},
    **{f"output={word}": "output=out" for word in ("DIR", "DIR_OR_URL", "predictions")},
    **{f"input={word}": "input=in" for word in ("...", "DIR", "IMAGES")},
    "runs/.../verify.json": "verify.json",
    "KEY=VALUE": "seed=1",
    "dataset=...": "dataset=streets",
    "reset_head=true dataset=...": "reset_head=true dataset=folder dataset.root=data",
    "trainer.max_epochs=N": "trainer.max_epochs=3",
    "trainer.devices=N": "trainer.devices=2",
}
# Networks that take minutes, and those that take their place where a line runs.
SMALLER = {
    "aligned_xception41,aligned_xception65": "aligned_xception_tiny,aligned_xception_micro",
    "aligned_xception_tiny,aligned_xception41": "aligned_xception_tiny,aligned_xception_micro",
}

_MICRO = ("encoder=aligned_xception_micro",)
_STEP = ("trainer.limit_train_batches=1", "trainer.limit_val_batches=1")
_STREETS = (*SMALL, "trainer.max_epochs=1", *_STEP, "callbacks.gif=null")
_FILES = (
    *("augmentation.crop=[33,33]", "loader.batch_size=2", "loader.num_workers=0"),
    *("trainer.accelerator=cpu", "trainer.max_epochs=1", "trainer.max_steps=2"),
    *("trainer.check_val_every_n_epoch=1", "trainer.val_check_interval=1.0", "callbacks.gif=null"),
)
_CLASSIFIER = (
    *(
        "classification_dataset.train_length=8",
        "classification_dataset.val_length=4",
        "trainer.max_epochs=1",
    ),
    *("loader.batch_size=4", "loader.num_workers=0", "trainer.accelerator=cpu"),
    "trainer.check_val_every_n_epoch=1",
)
_PREPARED = ("dataset.size=[64,128]", "dataset.train_length=4", "dataset.val_length=2")
_SERVED = ("networks=[camvid_cpu]", "engine=torch")
_NETWORKS = (
    *("encoder_name=aligned_xception_tiny", "peer_encoder=tu-resnet18"),
    *("rounds=1", "size=[64,64]"),
)
# Appended to the first that fits.
REDUCED = {
    r"train resume=SWEEP_DIR": (),
    r"train resume=RUN_DIR": (),
    r"train -m|train sweep": _STREETS,
    r"train --config-dir": (*_MICRO, *_STREETS),
    r"train trainer=ddp": (*_MICRO, *_STREETS, "trainer.accelerator=cpu"),
    r"train dataset=": (*_MICRO, *_FILES),
    r"train weights=RUN_DIR reset_head": _FILES,
    r"train (\w+\.)?weights=": _STREETS,
    r"train": (*_MICRO, *_STREETS),
    r"pretrain pretraining": (*_CLASSIFIER, "scheduler.warmup_steps=0"),
    r"pretrain sweep": (*_CLASSIFIER, *_STEP, "hydra.sweeper.params.seed='0,1'"),
    r"pretrain": _CLASSIFIER,
    r"evaluate 'compare": (),
    r"evaluate.*window=": ("device=cpu", "num_workers=0", "inference.window=[33,65]"),
    r"evaluate": ("device=cpu", "num_workers=0"),
    r"predict": ("device=cpu",),
    r"export": ("device=cpu", "num_images=2"),
    r"prepare stats dataset=folder": ("num_workers=1",),
    r"prepare (stats|preview|shards)": (*_PREPARED, "num_workers=1"),
    r"prepare detect": (),
    r"prepare verify": ("num_workers=1",),
    r"prepare download": ("output=out",),
    r"describe encoders": (),
    r"describe": ("rounds=1", "device=cpu", "input=3x65x65"),
    r"benchmark data": ("rounds=1", "num_images=8"),
    r"benchmark loss": ("rounds=1", "logits=[1,3,33,33]"),
    r"benchmark depthwise": ("rounds=1", "images=[1,3,65,65]"),
    r"benchmark inference": (*_NETWORKS, "variants=[optimize]", "batch=1"),
    r"benchmark training": (*_NETWORKS, "variants=[fused]", "batch=2"),
    r"benchmark evaluation": ("rounds=1", "size=[64,64]"),
    r"benchmark startup": ("rounds=1",),
    r"benchmark memory": ("image_sizes=[64,96]", "dataset_sizes=[1,2]"),
    r"benchmark serve_memory": ("requests=10", "num_sizes=2", *_SERVED),
    r"benchmark serve": ("rounds=1", "seconds=0.2", *_SERVED),
    r"report|weights": (),
}
# Appended to sweeps that Optuna draws.
DRAWN = ("hydra.sweeper.n_trials=2",)

# What lies in the working directory: name -> fixture; every one whose pattern fits.
PLACED = {
    r"RUN_DIR": ("run_dir", "small_run"),
    r"RUN_A": ("run_a", "small_run"),
    r"RUN_B": ("run_b", "small_run"),
    r"SOURCE": ("source", "small_run"),
    r"source=FILE": ("file", "small_run"),
    r"checkpoint=runs/mine": ("runs/mine", "small_run"),
    r"SWEEP_DIR": ("sweep_dir", "small_sweep"),
    r"--config-dir": ("sweep_dir", "finished_sweep"),
    r"convert source=RUN_DIR": ("run_dir", "smp_run"),
    r"verify source": ("source", "timm_file"),
    r"encoder\.weights=RUN_DIR": ("run_dir", "pretrained_run"),
    r"RUN_DIR/export": ("run_dir", "exported_run"),
    r"dataset=folder .* weights=RUN_DIR": ("run_dir", "own_run"),
    r"predict .*input=": ("in", "images"),
    r"dataset=folder|reset_head|prepare detect": ("data", "own_images"),
    r"masks/\{stem\}_mask": ("data", "masked_images"),
    r"\{class\}": ("data", "overlapping_masks"),
    r"dataset=yolo_seg": ("data", "yolo"),
    r"dataset=geojson": ("data", "geojson"),
    r"bands=\[1,2,3,8\]": ("data", "banded_images"),
    r"_\{B02": ("data", "band_files"),
    r"value_range=\[0,4095\]": ("data", "deep_images"),
    r"exclude=": (".", "verified_images"),
    r"coco_instances": ("data", "coco_instances"),
    r"camvid": ("data", "camvid"),
    r"cityscapes": ("data", "cityscapes"),
    r"\[FILES\]": (".", "exported_files"),
}
# Packages of extras.
NEEDED = {
    r"backend=ray": "ray",
    r"sweep=learning_rate|sweeper=tpe": "optuna",
    r"launcher=joblib": "joblib",
    r"bands=\[1,2,3,8\]|_\{B02": "rasterio",
    r"coco_instances": "pycocotools",
    r"dataset=geojson": "rasterio",
    r"prepare shards": "litdata",
    r"python -m seg.export|FILES|RUN_DIR/export": "onnxruntime",
    r"format=openvino": "nncf",
}
# Why a line is not run.
NOT_RUN = {
    r"^curl ": "asks a server: tests/serving/test_documented_requests.py",
    r"seg\.serve": "serves until it is stopped: tests/serving/",
    r"^make |pip install|-m venv|-m pytest": "installs, or runs all of this",
    r"^docker ": "starts servers of others",
    r"triton_client": "needs a server: serving/test_open_inference.py",
    r"benchmark serve rounds": "takes a minute: tests/benchmarks/test_serving_speed.py",
    r"benchmark memory ": "takes a minute: tests/benchmarks/test_memory_scaling.py",
    r"benchmark (training|inference (?!device).*)$": "takes a minute: benchmarks/test_tasks.py",
    r"benchmark data ": "takes half a minute: tests/benchmarks/test_baseline_pipeline.py",
    r"benchmark loss(?! device)": "takes half a minute: tests/benchmarks/test_loss_speed.py",
}


def filled(line: str) -> str:
    """A line with values for its words in capitals."""
    for word, value in sorted(VALUES.items(), key=lambda item: -len(item[0])):
        line = line.replace(word, value)
    return line


def typed(line: str, *further: str) -> tuple[str, ...]:
    """Command and arguments of a line in its reduced form."""
    for large, small in SMALLER.items():
        line = line.replace(large, small)
    form = line.split("-m seg.", maxsplit=1)[1]
    appended = next(value for pattern, value in REDUCED.items() if re.match(pattern, form))
    _, _, module, *arguments = words(filled(line))
    arguments = [each for each in arguments if each != "..."]
    return module.removeprefix("seg."), *arguments, *appended, *further
