"""Every command line of README and docs composes, works in bash and zsh as printed, and runs.

What cannot be had here is stood in for openly: VALUES are put for the words in capitals, and
REDUCED is what a line gets appended when it is run, so that it takes seconds.
"""

import re
import shutil
import subprocess
from importlib import import_module

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from seg.assemble.building import check_targets
from seg.config import commands
from seg.config.arguments import is_multirun, open_mappings, quote_paths, spell_out
from seg.config.location import conf_dir
from seg.config.schema import FitConfig, PretrainConfig, TrainConfig, foreign_sections, validate
from tests.commands.documented import command_lines, heads, values_of_keys, words
from tests.conftest import SMALL, seg

LINES = command_lines()
OURS = [line for line in LINES if "python -m seg." in line]
SCHEMAS = {
    "train": (TrainConfig, None),
    "pretrain": (PretrainConfig, None),
    "evaluate": (commands.EvaluateConfig, None),
    "predict": (commands.PredictConfig, None),
    "export": (commands.ExportConfig, None),
    "prepare": (commands.PrepareConfig, "task"),
    "weights": (commands.WeightsConfig, "action"),
    "describe": (commands.DescribeConfig, "task"),
    "benchmark": (commands.BenchmarkConfig, "task"),
    "report": (commands.ReportConfig, "runs"),
}
# What stands for the words in capitals, and for `...`, where a line is composed.
VALUES = {
    **{word: word.lower() for word in ("RUN_DIR", "SWEEP_DIR", "RUN_A", "RUN_B", "SOURCE", "DIR")},
    **{word: word.lower() for word in ("FOLDER_OR_ADDRESS", "FOLDER", "FILES", "FILE")},
    **dict.fromkeys(("PICTURE_OR_FOLDER", "FILE_FOLDER_GLOB_VIDEO_OR_ADDRESS"), "in"),
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
    verb = SCHEMAS[command][1]
    return command, open_mappings(quote_paths(spell_out(verb, arguments)))


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
REDUCED = {
    "train -m optimizer.lr": (*SMALL, "trainer.max_epochs=1", "encoder=aligned_xception_micro"),
    "evaluate": ("device=cpu", "num_workers=0"),
    "evaluate checkpoint=RUN_DIR inference=sliding": ("num_workers=0", "inference.window=[33,65]"),
    "predict": ("device=cpu",),
    "export": ("device=cpu", "pictures=2", "num_workers=0"),
    "prepare": ("dataset.size=[64,128]", "dataset.train_length=4", "dataset.val_length=2"),
    "describe encoder": ("rounds=0", "device=cpu"),
    "report": (),
    "weights list": (),
    "weights inspect": (),
    "weights convert source=RUN_DIR output=FILE": (),
    "pretrain": ("dry_run=true", "loader.batch_size=2", "loader.num_workers=0"),
}
RUN = [
    "python -m seg.evaluate checkpoint=RUN_DIR split=val",
    "python -m seg.evaluate checkpoint=RUN_DIR inference=multi_scale",
    "python -m seg.predict checkpoint=RUN_DIR input=PICTURE_OR_FOLDER output=DIR",
    "python -m seg.report RUN_DIR",
    "python -m seg.train resume=RUN_DIR",
    "python -m seg.weights list",
    "python -m seg.weights inspect source=SOURCE",
    "python -m seg.weights convert source=SOURCE output=FILE.safetensors",
    "python -m seg.describe encoder=aligned_xception65 input=3x513x513",
    "python -m seg.prepare stats dataset=...",
    "python -m seg.prepare preview dataset=...",
    "python -m seg.pretrain",
]


@pytest.mark.slow
@pytest.mark.parametrize("line", RUN)
def test_it_runs_in_a_reduced_form(line, small_run, tmp_path):
    assert line in LINES
    shutil.copytree(small_run, tmp_path / "run_dir")
    shutil.copytree(small_run, tmp_path / "source")
    (tmp_path / "in").mkdir()
    shutil.copy(small_run / "predictions.png", tmp_path / "in" / "a.png")
    typed = line.removeprefix("python -m seg.")
    begins = max((each for each in REDUCED if typed.startswith(each)), key=len, default=None)
    for word, value in sorted(VALUES.items(), key=lambda item: -len(item[0])):
        line = line.replace(word, value)
    _, _, module, *arguments = words(line)
    further = REDUCED[begins] if begins is not None else ()
    done = seg(module.removeprefix("seg."), *arguments, *further, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
