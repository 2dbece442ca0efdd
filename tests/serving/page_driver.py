"""A browser that drives the page: what a reader does, and what it sees."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

SIZE = (120, 80)
WAIT_MS = 60_000


def segment(page, *paths: Path) -> None:
    page.set_input_files("#files", [str(path) for path in paths])
    wait_until_done(page)


def wait_until_done(page, count: int = 1) -> None:
    page.wait_for_function(
        """count => {
          const all = [...document.querySelectorAll(".thumbnail")];
          const ended = ["done", "failed"];
          return all.length >= count && all.every((e) => ended.includes(e.dataset.state));
        }""",
        arg=count,
        timeout=WAIT_MS,
    )


def canvas(page, name: str, panel: int = 0) -> np.ndarray:
    """The pixels of a canvas, H x W x 4."""
    width, height, values = page.evaluate(
        """([name, panel]) => {
          const canvas = document.querySelectorAll(`.panel canvas.${name}`)[panel];
          const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return [canvas.width, canvas.height, [...data]];
        }""",
        [name, panel],
    )
    return np.array(values, np.uint8).reshape(height, width, 4)


def point(page, x: int, y: int, panel: int = 0) -> str:
    """Move the mouse to a pixel; the text that names its class."""
    box = page.locator(".stage").nth(panel).bounding_box()
    page.mouse.move(
        box["x"] + (x + 0.5) / SIZE[0] * box["width"],
        box["y"] + (y + 0.5) / SIZE[1] * box["height"],
    )
    return page.locator(".readout").nth(panel).inner_text()


def pixels(stage) -> np.ndarray:
    """What a reader sees there."""
    return np.asarray(Image.open(BytesIO(stage.screenshot())).convert("RGB"))[8:368, 8:548]


def differ(a: np.ndarray, b: np.ndarray) -> float:
    """The share of pixels that differ by more than rounding."""
    return float((np.abs(a.astype(int) - b).max(-1) > 3).mean())


def view_of(address: str, image: Path, model: str | None = None) -> dict:
    query = {"output": "view"} if model is None else {"output": "view", "model": model}
    answer = httpx.post(
        f"{address}/v1/predict", params=query, files={"image": image.read_bytes()}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def decode(base64: str) -> np.ndarray:
    """The values of a PNG in base64."""
    return np.asarray(Image.open(BytesIO(b64decode(base64))))


FOCUSED = """() => {
  const e = document.activeElement;
  const name = e.getAttribute("aria-label") ?? e.labels?.[0]?.innerText ?? e.innerText ?? "";
  const ring = e.matches(".segments input") ? e.nextElementSibling : e;
  return {name: e === document.body ? "end" : name.trim(), html: e.outerHTML.slice(0, 200),
    outline: e === document.body || getComputedStyle(ring).outlineStyle !== "none",
    is_stage: e.matches(".stage")};
}"""
UNNAMED = """() => {
  const named = (e) => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")
    || [...(e.labels ?? [])].some((l) => l.innerText.trim()) || e.innerText?.trim();
  const all = document.querySelectorAll(
    "button, input:not([hidden]), progress, video, dialog, [tabindex='0']");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  return [...[...all].filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 120)),
    ...ids.filter((id, at) => ids.indexOf(id) !== at),
    ...[...document.querySelectorAll("img:not([alt])")].map((e) => e.outerHTML.slice(0, 120))];
}"""
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color[3] > 200) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!text || !e.checkVisibility() || e.disabled || e.matches(":disabled *")) continue;
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${e.tagName} ${e.className} ${ratio.toFixed(2)}`);
  }
  return low;
}"""
