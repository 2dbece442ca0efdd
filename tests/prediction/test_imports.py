"""What a prediction imports: nothing of training."""

import subprocess
import sys

from PIL import Image

from tests.prediction.conftest import street

OF_TRAINING = (
    *("pytorch_lightning", "lightning_fabric", "torchmetrics", "torchvision", "albumentations"),
    *("timm", "segmentation_models_pytorch", "scipy", "sympy"),
)
_RUN = f"""
import runpy, sys
runpy.run_module("seg.predict", run_name="__main__", alter_sys=True)
print([name for name in {OF_TRAINING!r} if name in sys.modules])
"""


def test_one_image_imports_nothing_of_training(checkpoint, tmp_path):
    Image.fromarray(street(0)).save(tmp_path / "street.png")
    line = (f"checkpoint={checkpoint}", "input=street.png", "output=out", "device=cpu")
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *line],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    with Image.open(tmp_path / "out/street.png") as labels:
        assert labels.size == street(0).shape[1::-1]
