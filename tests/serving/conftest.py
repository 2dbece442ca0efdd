"""A real server over a briefly trained network, in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seg
from seg.models.weights.digests import DIGESTS_KEY
from tests.conftest import REPO
from tests.serving.page_driver import SIZE

pytest.importorskip("uvicorn", reason="needs the extra `serve`")

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream=fps=5",
    "--use-fake-ui-for-media-stream",
]


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[str]:
    """Type `python -m seg.serve port=0 ARGUMENTS`; yield its address once it is ready."""
    line = [sys.executable, "-m", "seg.serve", "port=0", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(REPO), **environment}
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        try:
            texts = (re.search(r"ready: (http://\S+)", text) for text in process.stdout)
            ready = next(filter(None, texts), None)
            assert ready is not None, f"the server ended with {process.wait()}"
            yield ready[1]
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="session")
def served(small_run: Path) -> Iterator[str]:
    """The address of a server of the small run."""
    with serving(f"checkpoint={small_run}") as address:
        yield address


@pytest.fixture(scope="module")  # its event loop stands in the way of tests of other modules
def browser() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def other_run(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network with other weights of the last layer, so that predictions differ."""
    import torch

    path = tmp_path_factory.mktemp("other") / "other" / "changed.ckpt"
    path.parent.mkdir()
    checkpoint = torch.load(small_run / "checkpoints" / "last.ckpt", weights_only=True)
    checkpoint["seg"].pop(DIGESTS_KEY)  # of the weights that it had
    weights = checkpoint["state_dict"]
    name = [each for each in weights if each.endswith("bias")][-1]
    weights[name] = weights[name] + torch.linspace(0, 0.1, len(weights[name]))
    torch.save(checkpoint, path)
    return path


@pytest.fixture(scope="session")
def compared(small_run: Path, other_run: Path) -> Iterator[str]:
    with serving(f"checkpoint={small_run}", f"compare={other_run}") as address:
        yield address


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "street.png"
    columns = np.linspace(0, 255, SIZE[0], dtype=np.uint8)[None].repeat(SIZE[1], 0)
    rows = np.linspace(255, 0, SIZE[1], dtype=np.uint8)[:, None].repeat(SIZE[0], 1)
    Image.fromarray(np.stack((columns, rows, columns // 2), -1)).save(path)
    return path


@pytest.fixture(scope="session")
def street_label(small_run: Path, street: Path) -> np.ndarray:
    return seg.load_model(small_run).predict(street)


@pytest.fixture
def page(browser, compared) -> Iterator[object]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(compared)
    page.get_by_text("classes,").wait_for()
    yield page
    context.close()
    assert errors == []
    local = re.compile(rf"({re.escape(compared)}|data:|blob:)")
    assert [url for url in asked if not local.match(url)] == []
