"""Messages about weights, reports, evaluations, datasets and exports; see `remedy_cases.py`."""

from tests.conftest import SMALL
from tests.remedies import Case

_DRY = f"train {' '.join(SMALL)} dry_run=true"
_TINY = "dataset.size=[64,64] dataset.train_length=2 dataset.val_length=2"
_OWN = (
    "dry_run=true trainer.accelerator=cpu loader.num_workers=0 loader.batch_size=2 "
    "augmentation.crop=[64,64]"
)
_TWO_CLASSES = "labels.keep=[road,car] loss=cross_entropy"
_IMAGES = (
    "pretrain encoder=aligned_xception_micro classification_dataset.train_length=8 "
    "classification_dataset.val_length=4 loader.batch_size=2 loader.num_workers=0 "
    "trainer.accelerator=cpu dry_run=true"
)
_EVALUATE = r"python -m seg\.evaluate checkpoint=RUN_DIR hydra\.run\.dir=DIR"

CASES = (
    Case(
        "are for other classes than the model",
        f"{_DRY} weights={{run}} {_TWO_CLASSES}",
        "reset_head=true",
    ),
    Case(
        "the teacher has other classes than the student",
        f"{_DRY} distillation=logits distillation.checkpoint={{run}} {_TWO_CLASSES}",
        "distillation=features",
    ),
    Case(
        "which softmax cannot express; give",
        f"{_IMAGES} classification_dataset.multi_label=true",
        "give (logistic)",
    ),
    Case(
        "output: missing; give output=DIRECTORY",
        "report runs={run} export=fiftyone",
        r"output=\w+",
    ),
    Case("or a pattern as runs=", "report runs=nothing", r"runs='runs/train/streets/*.*?'"),
    Case(
        "or a pattern as runs=",
        "report runs=nothing",
        r"runs=\[DIR,DIR\]",
        names={"DIR": "{run}"},
    ),
    Case(
        "torch sees no CUDA device",
        "predict checkpoint={run} input={image} output=out device=cuda",
        "device=cpu",
    ),
    Case(
        "give two, compare=[A,B]",
        "evaluate compare=[{run}]",
        r"compare=\[A,B\]",
        names={"A": "{run}", "B": "{copy}"},
    ),
    Case(
        "evaluate again: python -m",
        "evaluate compare=[{run},{evaluated}]",
        _EVALUATE,
        names={"RUN_DIR": "{run}", "DIR": "{evaluated}"},
        again=True,
    ),
    Case(
        "evaluate again (python -m",
        "report runs={unscored}",
        _EVALUATE,
        names={"RUN_DIR": "{run}", "DIR": "{unscored}"},
        again=True,
    ),
    Case(
        "holds no {} export of this",
        "predict checkpoint={unexported} input={image} output=out device=cpu engine=onnx",
        r"python -m seg\.export .*",
        again=True,
    ),
    Case(
        "labels hold {}: nothing can be learned",
        f"train dataset=folder dataset.root={{one_class}} {_OWN}",
        r"python -m seg\.prepare verify",
        adds="dataset=folder dataset.root={one_class} num_workers=1",
        then="each is described in",
    ),
    Case(
        "write it again: python -m seg.prepare task=verify",
        f"{_DRY} dataset.exclude={{verified}}/verify.json",
        r"python -m seg\.prepare task=verify dataset=\.\.\.",
        names={"...": "streets"},
        adds=f"{' '.join(SMALL[:3])} num_workers=1 hydra.run.dir={{verified}}",
        again=True,
    ),
    Case(
        "python -m seg.prepare task=shards",
        f"train dataset=shards dataset.root={{shards}} {_OWN}",
        r"python -m seg\.prepare task=shards dataset=NAME output=DIR",
        names={"NAME": "streets", "DIR": "{shards}"},
        adds=_TINY,
        again=True,
    ),
    Case("output: missing; give output=DIRECTORY, or", f"prepare shards {_TINY}", r"output=\w+"),
    Case(
        "tell them apart by their names:",
        "prepare stats dataset=folder dataset.root={pairs} dataset.images=. dataset.labels=.",
        r"'dataset.labels=.*'",
    ),
    Case(
        "dataset.sbd={} is not read by",
        "prepare stats dataset=pascal_voc dataset.sbd={empty} dataset.train_split=train",
        r"dataset\.train_split=trainaug",
        then="not found",
    ),
    *(
        Case(
            "has no fine labels of train_extra",
            "prepare stats dataset=cityscapes dataset.root={empty} dataset.train_split=train_extra",
            takes,
            then="not found",
        )
        for takes in (r"dataset\.quality=coarse", r"dataset\.train_split=train_and_extra")
    ),
    Case(
        "samples of different sizes cannot",
        f"train dataset=folder dataset.root={{sizes}} loader.eval_batch_size=2 {_OWN}",
        r"loader\.eval_batch_size=1",
    ),
    Case(
        "one process reads a camera",
        "predict checkpoint={run} input=webcam:9 num_shards=2 device=cpu",
        r"num_shards=1 backend=local output=\w+",
        then="no camera",
    ),
    Case(
        "format={} {}={}: allowed:",
        "export checkpoint={run} format=pt2 precision=int8",
        r"allowed: (\w+)",
        key="precision",
    ),
)
