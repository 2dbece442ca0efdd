"""The house keeps its walls: layers, names, sizes, and where libraries may be touched."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
FILES = sorted((REPO / "seg").rglob("*.py"))
TEST_FILES = sorted((REPO / "tests").rglob("*.py"))
IMPORT_OF_TESTS = re.compile(
    r"\b(?:from|import) tests[\w.]*(?:\.test_| import (?:\([^)]*|[^\n]*)\btest_)"
)
LAYERS = [
    "errors",
    "interruption",
    "usage_reports",
    "io",
    "cpu",
    "kernels",
    "config",
    "data",
    "models",
    "losses",
    "metrics",
    "optim",
    "inference",
    "visualization",
    "training.lightning_base",
    "distillation",
    "training",
    "deployment",
    "build",
    "weight_tools",
    "dataset_tools",
    "prediction",
    "serving",
    "reports",
    "benchmarks",
    "profiling",
    "evaluation",
    "sweeps",
    "xception_paper",
    "sweeps.plugins",
    "engine",
    "app",
    "commands",
]
COMMANDS = {
    *("train", "pretrain", "evaluate", "predict", "export", "weights", "prepare", "benchmark"),
    *("describe", "report", "serve"),
}
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc", "base", "manager"}
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 40


def layer_of(module: str) -> int:
    """Return the position of the layer with the longest name that the module lies in."""
    parts = module.split(".")[1:]
    if parts[0] in COMMANDS:
        return LAYERS.index("commands")
    names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next(LAYERS.index(name) for name in names if name in LAYERS)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(REPO).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_no_import_goes_up(path: Path) -> None:
    module = module_of(path)
    if module == "seg":
        assert not [name for name in imports(path, top_level=True) if name.startswith("seg")]
        return
    for imported in imports(path):
        if imported.startswith("seg."):
            assert layer_of(imported) <= layer_of(module), f"{module} imports {imported}"


def test_no_import_cycle() -> None:
    graph = {module_of(path): {n for n in imports(path) if n.startswith("seg.")} for path in FILES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done and module in graph:
            for imported in graph[module] - {module}:
                visit(imported, (*trail, module))
            done.add(module)

    for module in graph:
        if module != "seg":
            visit(module, ())


def test_hydra_utils_is_used_by_build_alone() -> None:
    users = {
        module_of(path) for path in FILES if any(n.startswith("hydra.utils") for n in imports(path))
    }
    assert users == {"seg.build.instantiate"}


def test_names_say_what_they_hold() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPO, capture_output=True, text=True, check=False
    ).stdout
    parts = {part.removesuffix(".py") for line in tracked.splitlines() for part in line.split("/")}
    assert not parts & VAGUE


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            lines = (node.end_lineno or 0) - first.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name}: {lines} lines"


def test_files_of_tests_are_short() -> None:
    lines = {str(path): len(path.read_text().splitlines()) for path in TEST_FILES}
    assert not {path: count for path, count in lines.items() if count > MAX_FILE_LINES}


def test_no_file_imports_from_a_test_module() -> None:
    """What several test modules need lies in a `conftest.py` or in a module of another name."""
    offenders = [str(path) for path in TEST_FILES if IMPORT_OF_TESTS.search(path.read_text())]
    assert not offenders


def test_no_function_default_is_repeated_by_cfg_get() -> None:
    offenders = [
        module_of(path) for path in FILES if re.search(r"\b(cfg|config)\.get\(", path.read_text())
    ]
    assert not offenders


def test_import_seg_is_light() -> None:
    code = "import sys, seg; assert not {'torch', 'numpy', 'hydra'} & set(sys.modules); dir(seg)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_a_command_loads_no_torch() -> None:
    commands = ", ".join(f"seg.{command}" for command in sorted(COMMANDS))
    code = f"import sys, {commands}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
