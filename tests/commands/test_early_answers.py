"""A wrong path is answered before the libraries that take seconds to import."""

import subprocess
import sys

import pytest

DATA = 3
_RUN = """
import runpy, sys
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
except SystemExit as end:
    print("torch" in sys.modules, end.code)
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("train", "dataset=camvid", "dataset.root=nope"), "dataset 'camvid' not found in"),
        (("train", "dataset=folder", "dataset.root=."), "looked for: images, labels"),
        (("train", "dataset=csv", "dataset.table=nope.csv"), "nope.csv: table not found"),
        (("train", "trainer=ddp", "dataset=camvid"), "data/camvid"),
        (("prepare", "verify", "dataset=camvid", "dataset.root=nope"), "'camvid' not found"),
        (
            ("pretrain", "classification_dataset=image_folder", "classification_dataset.root=nope"),
            "no such directory",
        ),
        (("evaluate", "checkpoint=x", "dataset.root=nope"), "dataset.root=nope: no such directory"),
        (("export", "checkpoint=x", "format=onnx", "dataset.root=nope"), "no such directory"),
        (("predict", "checkpoint=x", "input=street.png"), "checkpoint=x: no such file"),
        (("predict", "checkpoint=x.onnx", "input=street.png"), "checkpoint=x.onnx: no such file"),
        (("predict", f"checkpoint={__file__}", "input=nope.png"), "nope.png"),
        (("evaluate", "checkpoint=x"), "checkpoint=x: no such file"),
        (("evaluate", "checkpoint=."), "checkpoint=.: a directory without checkpoints/best.ckpt"),
        (("export", "checkpoint=x", "format=onnx"), "checkpoint=x: no such file"),
        (("serve", "checkpoint=x"), "checkpoint=x: no such file"),
    ],
)
def test_a_wrong_path_waits_for_nothing(line, message, tmp_path):
    command, *arguments = line
    (tmp_path / "street.png").touch()
    done = subprocess.run(
        [sys.executable, "-c", _RUN, f"seg.{command}", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == [f"False {DATA}"], (done.stdout, done.stderr)
    assert message in done.stderr
