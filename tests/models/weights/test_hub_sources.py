"""Weights on the Hub: against a server on this machine that speaks its protocol, and offline."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seg.errors import DataError
from seg.models.weights.sources import locate
from tests.models.hub import COMMIT, HALF, Hub, content
from tests.models.web import running

# a line with sources in, a line with what was found or said out
CHILD = """
import json, sys
from huggingface_hub import constants
from seg.errors import UserError
from seg.models.weights.sources import locate
for line in sys.stdin:
    offline, sources = json.loads(line)
    constants.HF_HUB_OFFLINE = offline  # what $HF_HUB_OFFLINE sets, once a process
    told = {}
    for source in sources:
        try:
            found = locate(source)
            norm = found.normalization
            told[source] = [str(found.path), found.origin, norm and [norm.mean, norm.std]]
        except UserError as error:
            told[source] = f"{type(error).__name__}: {error}"
    print(json.dumps(told), flush=True)
"""


SOURCES = (
    "timm/xception65.ra3_in1k",
    "timm/xception65",
    "xception41.tf_in1k",
    "hf://owner/whole",
    "hf://owner/whole@v1/model.safetensors",
    "hf://owner/timm-like",
    "hf://owner/bare",
    "hf://owner/run",
    "hf://owner/several/b/c.h5",
    "hf://owner/deeplab",
    "hf://owner/deeplab/00000/model.ckpt",
)


WRONG = (
    "hf://owner/several",
    "hf://owner/none",
    "hf://owner/bare/other.pth",
    "hf://owner/nowhere",
    "hf://owner/gated",
    "hf://owner/broken",
    "hf://owner/whole@v9",
    "hf://owner/a--b",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def answers(cache):
    """What one process is told while the Hub answers, when it is gone, and when it is offline.

    A process of its own: the Hub's library reads its settings once, at import.
    """
    settings = {
        "SEG_CACHE": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "no_proxy": "127.0.0.1",
    }
    hub = Hub()
    with running(hub) as endpoint:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            env={**os.environ, **settings, "HF_ENDPOINT": endpoint},
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        answers = {"online": ask(child, SOURCES + WRONG), "fetched": hub.fetched}
    with child:
        answers["gone"] = ask(child, (*SOURCES, "hf://owner/unseen"))
        answers["offline"] = ask(child, (*SOURCES, "hf://owner/unseen"), offline=True)
    assert child.returncode == 0
    return answers


def ask(child, sources, *, offline=False):
    child.stdin.write(json.dumps([offline, sources]) + "\n")
    child.stdin.flush()
    return json.loads(child.stdout.readline())


@pytest.fixture
def located(answers):
    return answers["online"]


def test_timm_names(located, cache):
    path, origin, normalization = located["timm/xception65.ra3_in1k"]
    assert Path(path).read_bytes() == content("timm/xception65.ra3_in1k", "model.safetensors")
    assert Path(path).is_relative_to(cache / "hub")
    assert normalization == [HALF, HALF]
    hub = f"hf://timm/xception65.ra3_in1k@{COMMIT}/model.safetensors"
    assert origin == f"timm/xception65.ra3_in1k ({hub})"
    assert located["timm/xception65"] == located["timm/xception65.ra3_in1k"]
    assert Path(located["xception41.tf_in1k"][0]).name == "model.safetensors"


def test_a_model_with_its_configuration_is_a_directory(located):
    path, origin, normalization = located["hf://owner/whole"]
    assert sorted(each.name for each in Path(path).iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    assert normalization == [[0.1, 0.2, 0.3], HALF]
    assert origin == f"hf://owner/whole@{COMMIT}"
    assert located["hf://owner/timm-like"][2] == [HALF, [0.2, 0.3, 0.4]]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("hf://owner/whole@v1/model.safetensors", "model.safetensors"),
        ("hf://owner/bare", "model.safetensors"),
        ("hf://owner/run", "checkpoints/best.ckpt"),
        ("hf://owner/several/b/c.h5", "b/c.h5"),
    ],
)
def test_one_file(located, source, name):
    path, origin, _ = located[source]
    repository = "/".join(source.removeprefix("hf://").split("/")[:2]).partition("@")[0]
    assert Path(path).read_bytes() == content(repository, name)
    assert origin == f"hf://{repository}@{COMMIT}/{name}"


def test_a_tensorflow_checkpoint_comes_with_all_its_files(located):
    prefix = Path(located["hf://owner/deeplab/00000/model.ckpt"][0])
    assert prefix.name == "model.ckpt"
    assert sorted(each.suffix for each in prefix.parent.iterdir()) == [
        ".data-00000-of-00001",
        ".index",
    ]
    assert Path(located["hf://owner/deeplab"][0]) == prefix.with_name("model.ckpt.index")


def test_no_code_is_fetched(answers):
    fetched = answers["fetched"]
    assert fetched and len(fetched) == len(set(fetched))
    assert not [name for name in fetched if name.endswith((".py", ".md", ".bin"))]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hf://owner/several", "hf://owner/several/a.pth\n    hf://owner/several/b/c.h5"),
        ("hf://owner/none", "no weight file"),
        ("hf://owner/bare/other.pth", "no such file"),
        ("hf://owner/nowhere", "no such repository"),
        ("hf://owner/gated", "accept the conditions"),
        (
            "hf://owner/broken",
            "not on this machine, and the Hub gave none (Bad request: broken)",
        ),
        ("hf://owner/whole@v9", "no revision 'v9'"),
    ],
)
def test_what_the_hub_does_not_have(located, source, said):
    assert located[source].startswith(f"DataError: weights {source}: ")
    assert said in located[source]


def test_a_name_that_the_hub_cannot_have(located):
    assert located["hf://owner/a--b"].startswith("ConfigError: weights hf://owner/a--b: ")


@pytest.mark.parametrize("state", ["gone", "offline"])
def test_without_the_hub_what_is_cached_is_found(answers, located, state):
    for source in SOURCES:
        assert answers[state][source] == located[source]


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        ("gone", "the Hub gave none ([Errno 111] Connection refused)"),
        ("offline", "$HF_HUB_OFFLINE is set"),
    ],
)
def test_without_the_hub_what_is_not_cached_is_told(answers, state, cause):
    assert answers[state]["hf://owner/unseen"].splitlines() == [
        f"DataError: weights hf://owner/unseen: not on this machine, and {cause}",
        "  connect it, or fetch the files elsewhere and give their path",
    ]


def test_a_directory_of_the_hub_is_the_same_wherever_it_comes_from(located, tmp_path):
    for source in ("hf://owner/whole", "hf://owner/timm-like"):
        path, _, normalization = located[source]
        copy = tmp_path / source.rpartition("/")[2]
        shutil.copytree(path, copy)
        for each in (Path(path), copy, copy / "model.safetensors"):
            here = locate(each).normalization
            assert [list(here.mean), list(here.std)] == normalization


def test_a_file_of_the_hubs_cache_is_held_against_its_name(tmp_path):
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    blob = blobs / hashlib.sha256(b"weights").hexdigest()
    blob.write_bytes(b"weights")
    (tmp_path / "model.safetensors").symlink_to(blob)
    assert locate(tmp_path).path == tmp_path
    blob.write_bytes(b"weighty")
    for path in (tmp_path, tmp_path / "model.safetensors"):
        with pytest.raises(DataError, match=r"model\.safetensors: damaged(.|\n)*delete"):
            locate(path)
