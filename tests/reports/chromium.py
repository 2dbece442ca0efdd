"""A real, headless Chromium, driven through its DevTools pipe: no library is needed for that."""

import base64
import json
import os
import select
import shutil
import subprocess
from pathlib import Path
from time import monotonic

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars"),
    "--remote-debugging-pipe",  # it reads from descriptor 3 and answers on 4
)
PATIENCE_S = 60.0


def executable() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """A page of a browser that lives as long as the `with` block.

    Attributes:
        events: what the browser told by itself, as `(method, parameters)`.
    """

    def __init__(self, profile: Path):
        self.events: list[tuple[str, dict]] = []
        self._number, self._session, self._rest = 0, None, b""
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        line = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        arguments = [executable(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", line, *arguments],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)

    def __enter__(self):
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.close(self._out)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def send(self, method, **parameters):
        """One command, and what it answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]
            self.events.append((told.get("method"), told.get("params", {})))

    def open(self, address, *, width=1440, height=900, scheme="light", touch=False):
        """Load a page in a window of that size, and wait until it is drawn."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch},
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", media="", features=[feature])
        self.events.clear()
        self.send("Page.navigate", url=address)
        self.value(
            "new Promise((done) => document.readyState === 'complete' ? done() : "
            "addEventListener('load', () => done()))"
        )

    def value(self, expression):
        """What a script in the page gives."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key, code):
        """A key, as from a keyboard."""
        for kind in ("rawKeyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def drag(self, start, end):
        """The mouse pressed at one point and let go at another."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.send(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=1,
                clickCount=1,
            )

    def swipe(self, start, end):
        """A finger put on one point and lifted at another."""
        for kind, at in (("touchStart", [start]), ("touchMove", [end]), ("touchEnd", [])):
            points = [{"x": x, "y": y} for x, y in at]
            self.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def picture(self, path, *, whole=False):
        """What is seen, as a PNG file."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _next(self):
        ends = monotonic() + PATIENCE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, ends - monotonic()))
            more = os.read(self._in, 1 << 20) if ready else b""
            assert more, f"the browser is silent, exit code {self._process.poll()}"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


CONTRASTS = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const channels = (colour, below) => {
    canvas.fillStyle = `rgb(${below.join(",")})`;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const behind = (each) => each
    ? channels(getComputedStyle(each).backgroundColor, behind(each.parentElement))
    : [255, 255, 255];
  const luminance = (rgb) => rgb
    .map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const weak = [];
  for (const each of document.querySelectorAll("body *:not(svg *):not(script)")) {
    const text = [...each.childNodes].filter((node) => node.nodeType === 3)
      .map((node) => node.textContent.trim()).join("");
    if (!text || !each.checkVisibility()) continue;
    const ground = behind(each);
    const ink = channels(getComputedStyle(each).color, ground);
    const [light, dark] = [ground, ink].map(luminance).sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) weak.push(`${text.slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return weak;
})()"""
