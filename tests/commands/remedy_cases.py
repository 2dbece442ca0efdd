"""Messages of commands, and what is typed of what they offer; `{run}` is a short training."""

from tests.commands import remedy_cases_1, remedy_cases_2
from tests.conftest import SMALL
from tests.remedies import Case

TRAIN = f"train {' '.join(SMALL)}"
DRY = f"{TRAIN} dry_run=true"

CASES = (
    *remedy_cases_1.CASES,
    Case(", or go on with it by resume=auto", f"{TRAIN} hydra.run.dir={{run}}", "resume=auto"),
    Case("torch sees no such device", f"{DRY} trainer.accelerator=cuda", r"trainer\.accel\w+=auto"),
    Case("no run there (no {}); give", f"{DRY} resume=nothing", "or (auto)"),
    Case(
        "output: missing; give output=FILE.safetensors",
        "weights convert",
        r"output=FILE\.safetensors",
        then="source: missing",
    ),
    Case(
        "source: missing; give source=...",
        "weights convert output=o.safetensors",
        r"source=\.\.\.",
        names={"...": "{run}"},
    ),
    Case(
        "does not fill {} (",
        "weights convert source={run} output=o.safetensors encoder_name=xception",
        "encoder_name=NAME",
        names={"NAME": "aligned_xception_tiny"},
    ),
    *remedy_cases_2.CASES,
)
