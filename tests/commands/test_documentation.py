"""Every command line of README and docs composes, works in bash and zsh as printed, and runs.

What cannot be had here is stood in for openly: VALUES are put for the words in capitals, and
REDUCED is what a line gets appended when it is run, so that it takes seconds.
"""

import re
import shutil
import subprocess
from importlib import import_module

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from PIL import Image

from seg.build.instantiate import check_targets
from seg.config.cli_overrides import is_multirun, open_mappings, quote_paths, spell_out
from seg.config.conf_dir import conf_dir
from seg.config.schema import FitConfig, foreign_sections, validate
from tests.commands.documented import PAGES, command_lines, heads, values_of_keys, words
from tests.conftest import REPO, SMALL, seg
from tests.remedies import SCHEMAS

LINES = command_lines()
OURS = [line for line in LINES if "python -m seg." in line]
# What stands for the words in capitals, and for `...`, where a line is composed.
VALUES = {
    **{word: word.lower() for word in ("RUN_DIR", "SWEEP_DIR", "RUN_A", "RUN_B", "SOURCE", "DIR")},
    **{word: word.lower() for word in ("DIR_OR_URL", "FILES", "FILE")},
    "IMAGES": "in",
    "KEY=VALUE": "seed=1",
    "dataset=...": "dataset=streets",
    "input=...": "input=in",
    "=N": "=2",
}


def parsed(line):
    """Command and arguments, as the command itself prepares them for Hydra."""
    for word, value in sorted(VALUES.items(), key=lambda item: -len(item[0])):
        line = line.replace(word, value)
    _, _, module, *arguments = words(line)
    command = module.removeprefix("seg.")
    arguments = [each for each in arguments if each != "..."]
    positional = SCHEMAS[command][1]
    return command, open_mappings(quote_paths(spell_out(positional, arguments)))


def of_one_trial(arguments):
    """The first value of whatever is swept; what a record of the sweep would bring is left out."""
    for argument in arguments:
        if argument.startswith(("-", "hydra", "experiment=winner", "sweep_dir")):
            continue
        override = OverridesParser.create().parse_override(argument)
        if not override.is_sweep_override() or override.is_interval_sweep():
            yield argument if not override.is_interval_sweep() else f"{override.key_or_group}=1e-3"
        else:
            yield f"{override.key_or_group}={next(iter(override.sweep_string_iterator()))}"


@pytest.mark.parametrize("line", OURS)
def test_it_composes_and_is_valid(line):
    command, arguments = parsed(line)
    schema = SCHEMAS[command][0]
    chosen = list(of_one_trial(arguments)) if is_multirun(arguments) else arguments
    chosen = [each for each in of_one_trial(chosen) if not each.startswith("sweep=")]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed = compose(command, chosen)
    plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    known = {key: value for key, value in plain.items() if key not in foreign_sections(schema)}
    config = validate(schema, known)
    if isinstance(config, FitConfig):
        check_targets(config)
    assert import_module(f"seg.{command}").main


@pytest.mark.parametrize("line", [line for line in LINES if line not in OURS])
def test_other_lines_name_what_is_there(line):
    if line.startswith("make "):
        assert f"\n{words(line)[1]}:" in (conf_dir().parent / "Makefile").read_text()
    else:
        assert re.match(r"python3 -m venv \.venv$|\.venv/bin/(pip|python) ", line), line


@pytest.mark.parametrize("shell", [("bash", "--norc"), ("zsh", "-f")])
def test_shells_take_them_as_they_are_printed(shell, tmp_path):
    if shutil.which(shell[0]) is None:
        pytest.skip(f"needs {shell[0]}")
    script = "".join(f"printf '%s\\0' {line}\nprintf '\\n'\n" for line in LINES)
    done = subprocess.run(
        [*shell, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    split = [output.split("\0")[:-1] for output in done.stdout.splitlines()]
    assert split == [words(line) for line in LINES]


def test_what_a_shell_would_change_is_quoted():
    for text in [*LINES, *heads(), *values_of_keys()]:
        outside = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
        assert not re.search(r"=[^\s|]*[\[\]{}*?~]", re.sub(r"(?<= )\[.*|\[$", "", outside)), text


# Appended to a line that is run, by what it begins with; the longest beginning counts.
TINY = ("encoder=aligned_xception_micro", *SMALL, "trainer.max_epochs=1", "callbacks.gif=null")
OWN = (
    "encoder=aligned_xception_micro",
    "augmentation.crop=[33,33]",
    "loader.num_workers=0",
    "loader.batch_size=2",
)
REDUCED = {
    "train -m": (*TINY, "trainer.limit_train_batches=1", "trainer.limit_val_batches=1"),
    "train dataset=folder": (*OWN, "trainer.max_steps=2", "trainer.val_check_interval=2"),
    "train dataset=folder dataset.root=DIR hydra": (
        *OWN,
        *("trainer.max_steps=2", "trainer.val_check_interval=2", "dataset.value_range=[0,4095]"),
    ),
    "train weights": (*SMALL, "trainer.max_epochs=1", "callbacks.gif=null"),
    "train KEY": (*TINY,),
    "train resume=RUN_DIR trainer": ("callbacks.gif=null",),
    "evaluate": ("device=cpu", "num_workers=0"),
    "evaluate checkpoint=RUN_DIR inference=sliding": ("num_workers=0", "inference.window=[33,65]"),
    "evaluate 'compare": (),
    "predict": ("device=cpu",),
    "export": ("device=cpu", "num_images=2"),
    "prepare": ("dataset.size=[64,128]", "dataset.train_length=4", "dataset.val_length=2"),
    "prepare verify dataset=folder": ("num_workers=1", "dataset.value_range=[0,4095]"),
    "describe encoder": ("rounds=0", "device=cpu"),
    "report": (),
    "weights": (),
    "pretrain": ("dry_run=true", "loader.batch_size=2", "loader.num_workers=0"),
    "benchmark": ("rounds=1", "logits=[1,3,33,33]", "device=cpu"),
}
RUN = [
    "python -m seg.benchmark loss",
    "python -m seg.describe encoder=aligned_xception65 input=3x513x513",
    "python -m seg.evaluate checkpoint=RUN_DIR",
    "python -m seg.evaluate checkpoint=RUN_DIR split=val",
    "python -m seg.evaluate checkpoint=RUN_DIR inference=multi_scale",
    "python -m seg.evaluate checkpoint=RUN_DIR inference=sliding 'inference.window=[513,513]' "
    "inference.overlap=0.5",
    "python -m seg.evaluate 'compare=[RUN_A,RUN_B]'",
    "python -m seg.export checkpoint=RUN_DIR",
    "python -m seg.export checkpoint=RUN_DIR format=onnx output_kind=logits",
    "python -m seg.predict checkpoint=RUN_DIR input=IMAGES output=DIR",
    "python -m seg.predict checkpoint=RUN_DIR input=IMAGES output=DIR 'formats=[labels,overlay]'",
    "python -m seg.predict checkpoint=RUN_DIR input=...",
    "python -m seg.prepare verify dataset=folder dataset.root=DIR",
    "python -m seg.prepare stats dataset=...",
    "python -m seg.prepare preview dataset=...",
    "python -m seg.pretrain",
    "python -m seg.report RUN_DIR",
    "python -m seg.report RUN_DIR export=fiftyone output=DIR",
    "python -m seg.train -m hydra/launcher=joblib hydra.launcher.n_jobs=2 seed=1,2,3",
    'python -m seg.train dataset=folder dataset.root=DIR "dataset.value_range=[0,4095]"',
    "python -m seg.train dataset=folder dataset.root=DIR hydra.run.dir=runs/mine",
    "python -m seg.train resume=RUN_DIR",
    "python -m seg.train resume=RUN_DIR trainer.max_epochs=N",
    "python -m seg.train KEY=VALUE ... hydra.run.dir=DIR resume=auto",
    "python -m seg.train weights=RUN_DIR KEY=VALUE ...",
    "python -m seg.weights list",
    "python -m seg.weights inspect source=SOURCE",
    "python -m seg.weights convert source=SOURCE output=FILE.safetensors",
    "python -m seg.weights convert source=FILE output=NAME.safetensors",
]
# Why each of the others is composed and validated here, and not run.
NOT_RUN = {
    r"dataset=(camvid|cityscapes)|camvid_root|download": "needs files that are fetched elsewhere",
    r"make |venv": "installs, or runs all of this",
    r"device=cuda|trainer=ddp": "needs devices",
    r"backend=ray|shards|exports=|sweep=|sweeper=": "needs an extra; its room has a test",
    r"shard=0 num_shards=8": "tests/prediction/test_rle.py",
    r"weights verify": "needs published files; tests/weight_tools",
    r"convert source=RUN_DIR": "needs a run of decoder=smp; tests/weight_tools/test_export_smp.py",
    r"SWEEP_DIR": "needs a sweep; tests/sweeps",
    r"benchmark (data|inference|training|evaluation|startup|memory)": "minutes; tests/benchmarks",
    r"benchmark loss rounds": "the same line with its own sizes runs",
    r"pretraining=street_objects_micro": "takes minutes; composed above",
    r"checkpoint=runs/mine": "the same lines with RUN_DIR run",
    r"describe encoders": "takes minutes; tests/profiling/test_encoders.py",
    r"encoder=\w+,\w+|optimizer.lr=\S+,": "a grid of large networks; the sweep over seeds runs",
    r"RUN_DIR/export|format=onnx$": "needs an export of the same kind, which runs above",
    r"verify\.json": "needs faults; tests/data/wrappers/test_excluded.py",
    r"reset_head|encoder\.weights": "needs other classes; tests/engine/test_train.py",
    r"RUN_DIR \.\.\.$|seg\.train$": "the beginning of other lines",
}


@pytest.mark.parametrize("line", [line for line in OURS if line not in RUN])
def test_what_does_not_run_here_has_its_reason(line):
    assert [why for pattern, why in NOT_RUN.items() if re.search(pattern, line)]


@pytest.fixture
def place(small_run, tmp_path):
    """A directory that holds what the words in capitals stand for."""
    for name in ("run_dir", "run_a", "run_b", "source", "file"):
        shutil.copytree(small_run, tmp_path / name)
    (tmp_path / "in").mkdir()
    shutil.copy(small_run / "predictions.png", tmp_path / "in" / "a.png")
    return tmp_path


def own_images(root):
    """Images of 16 bits with labels of two classes."""
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for number in range(4):
            values = random.permutation(64 * 64).astype(np.uint16).reshape(64, 64)
            Image.fromarray(values).save(root / "images" / split / f"{number}.png")
            labels = (values % 64 > 32).astype(np.uint8)
            Image.fromarray(labels).save(root / "labels" / split / f"{number}.png")


@pytest.mark.slow
@pytest.mark.parametrize("line", RUN)
def test_it_runs_in_a_reduced_form(line, place):
    assert line in LINES
    typed = line.removeprefix("python -m seg.")
    begins = max((each for each in REDUCED if typed.startswith(each)), key=len, default=None)
    if "dataset.root=DIR" in line:
        own_images(place / "dir")
    for word, value in sorted(VALUES.items(), key=lambda item: -len(item[0])):
        line = line.replace(word, value)
    _, _, module, *arguments = words(line)
    arguments = [each for each in arguments if each != "..."]
    further = REDUCED[begins] if begins is not None else ()
    done = seg(module.removeprefix("seg."), *arguments, *further, cwd=place)
    assert done.returncode == 0, done.stderr


def test_the_readme_is_read_in_one_sitting():
    assert len((REPO / "README.md").read_bytes()) <= 10_240


@pytest.mark.parametrize("page", [*PAGES, REPO / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name) if name else page
        assert linked.is_file(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(page):
    """Headings of a page as the fragments of URLs that lead to them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_each_finding_has_its_line():
    page = (REPO / "docs" / "findings.md").read_text()
    for script in (REPO / "findings").iterdir():
        assert f"(../findings/{script.name})" in page, script


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_of_the_repository_exist(page):
    for path in re.findall(r"`((?:seg|tests|conf|docs|findings)/[\w/.-]*)`", page.read_text()):
        assert (REPO / path).exists() or "NAME" in path, path


def test_the_architecture_page_names_files_where_they_are():
    text = (REPO / "docs" / "architecture.md").read_text()
    for packages, content in re.findall(r"^\| (`seg/.*?) \| (.*) \|$", text, re.MULTILINE):
        first, *others = re.findall(r"`([\w/.]+)`", packages)
        places = [REPO / first, *((REPO / first).parent / each for each in others)]
        assert all(place.exists() for place in places), packages
        for name in re.findall(r"`(\w+\.py)`", content):
            assert any((place / name).is_file() for place in places), (packages, name)
