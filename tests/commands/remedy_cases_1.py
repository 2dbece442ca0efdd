"""Messages about runs, networks and weights, and what is typed of what they offer."""

from tests.conftest import SMALL
from tests.remedies import Case

TRAIN = f"train {' '.join(SMALL)}"
DRY = f"{TRAIN} dry_run=true"
UNLABELLED = (
    f"{DRY} semi_supervised=mean_teacher semi_supervised.images={{sizes}}/images/train "
    "encoder=aligned_xception_micro"
)
ADAGRAD = "optimizer=adamw optimizer._target_=torch.optim.Adagrad ~optimizer.betas"
LIST = r"python -m seg\.weights list"

CASES = (
    Case(
        "a new run from its weights: weights=RUN_DIR",
        f"{TRAIN} hydra.run.dir={{run}} resume=auto optimizer.lr=1",
        "weights=RUN_DIR",
        leaves=r"^(hydra\.run\.dir|resume)=",
        adds="dry_run=true",
        names={"RUN_DIR": "{run}"},
    ),
    Case(
        "a new run from its weights: weights=",
        "train resume={run}",
        r"from its weights: (weights=\S+)",
        leaves="^resume=",
        adds=f"{' '.join(SMALL)} dry_run=true",
        refused=False,
    ),
    Case(
        "extend=false: it ends as it was begun",
        "train resume={shorter} trainer.max_epochs=3 extend=false",
        "extend=true",
    ),
    Case(
        "extend=true stretches it",
        f"{TRAIN} hydra.run.dir={{stretched}} resume=auto trainer.max_epochs=3",
        "extend=true",
        leaves=r"^trainer\.max_epochs=2",
    ),
    Case(
        "or go on by the whole command: hydra.run.dir=RUN_DIR resume=auto",
        f"{TRAIN} resume={{unrecorded}}",
        r"hydra\.run\.dir=RUN_DIR resume=auto",
        names={"RUN_DIR": "{unrecorded}"},
    ),
    Case("semi_supervised.decay={}; allowed:", f"{UNLABELLED} semi_supervised.decay=1", r": (\d) "),
    Case(
        "semi_supervised.batch_size={} for",
        f"{UNLABELLED} semi_supervised.batch_size=99",
        r"allowed: (\d+)",
    ),
    Case(
        "encoder.variant.{}={}; allowed:",
        f"{DRY} encoder=aligned_xception_micro encoder.variant.order=x",
        r"allowed: (\w+)",
    ),
    Case(
        "scheduler.cycle_momentum=false leaves",
        f"{DRY} encoder=aligned_xception_micro scheduler=one_cycle {ADAGRAD}",
        r"scheduler\.cycle_momentum=false",
    ),
    Case(
        "engine={}: unknown; allowed:",
        "predict checkpoint={run} input={image} device=cpu engine=onx",
        r"allowed: (\w+)",
    ),
    Case(
        "engine={}: unknown; allowed:",
        "predict checkpoint={run} input={image} device=cpu engine=toch",
        r"mean (\w+)\?",
    ),
    Case(
        "format={}: no such format; allowed:",
        "export checkpoint={run} output=a.pt2 format=pt",
        r"mean (\w+)\?",
    ),
    Case(
        "model_name: names models of repositories; give",
        "export checkpoint={run} model_name=a format=pt2",
        r"give (repository=triton)",
        then="format=pt2: allowed: onnx",
    ),
    Case(
        "is no .safetensors file; give",
        "weights convert source={run} output=o.pt",
        r"give (output=\S+)",
    ),
    Case("weights=imagenet: published", f"{DRY} weights=imagenet", LIST),
    Case(
        "weights=imagenet: published",
        f"{DRY} encoder=aligned_xception_micro weights=imagenet",
        r"encoder\.weights=imagenet",
        leaves="^weights=",
        then="none are published",
    ),
    Case(
        "none are published for {}; `python",
        f"{DRY} encoder=aligned_xception_micro encoder.weights=imagenet",
        LIST,
    ),
    Case(
        "inspect source=FILE names the encoder",
        f"{DRY} encoder=xception encoder.weights={{run}}",
        r"python -m seg\.weights inspect source=FILE",
        names={"FILE": "{run}"},
    ),
)
