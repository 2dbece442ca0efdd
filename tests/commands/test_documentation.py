"""Every command line of README and docs composes, and works in bash and zsh as printed.

`test_documented_runs.py` runs them.
"""

import re
import shutil
import subprocess
from importlib import import_module

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from seg.build.instantiate import check_targets
from seg.config.cli_overrides import is_multirun, open_mappings, quote_paths, spell_out
from seg.config.conf_dir import conf_dir
from seg.config.schema import FitConfig, foreign_sections, validate
from seg.prepare import IMPLIED
from tests.commands.documented import PAGES, command_lines, heads, values_of_keys, words
from tests.commands.reductions import filled
from tests.conftest import REPO
from tests.remedies import SCHEMAS

LINES = command_lines()
OURS = [line for line in LINES if "python -m seg." in line]


def parsed(line):
    """Command and arguments, as the command itself prepares them for Hydra."""
    _, _, module, *arguments = words(filled(line))
    command = module.removeprefix("seg.")
    arguments = [each for each in arguments if each != "..."]
    positional = SCHEMAS[command][1]
    implied = IMPLIED if command == "prepare" else {}
    return command, open_mappings(quote_paths(spell_out(positional, arguments, implied)))


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


OTHERS = r"curl |docker run |python3 -m venv \.venv$|\.venv/bin/(pip|python) "


@pytest.mark.parametrize("line", [line for line in LINES if line not in OURS])
def test_other_lines_name_what_is_there(line):
    if line.startswith("make "):
        assert f"\n{words(line)[1]}:" in (conf_dir().parent / "Makefile").read_text()
    else:
        script = re.match(r"python (docs/\S+\.py) ", line)
        if script:
            assert (REPO / script[1]).is_file()
        else:
            assert re.match(OTHERS, line), line


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
            assert any(list(place.rglob(name)) for place in places), (packages, name)
