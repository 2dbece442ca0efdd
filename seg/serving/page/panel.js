// The panel of a network: its segmentation of the selected image, areas, downloads.

import { classesOf, colorTable, entropyTable, meanColor, nameOf, paint } from "./classes.js";
import { fillLegend, percent, swatch, updateLegend } from "./legend.js";

const MOST_CANVAS_PX = 16e6; // some browsers refuse larger canvases
const ADVICE = {
  0: "Check that it still runs and that you are connected, then try again.",
  401: "Try again to enter it.",
  404: "Reload the page: the server may have been started with other networks.",
  413: "Make the image smaller, or ask who runs the server to raise its limit.",
  415: "Save it as JPEG, PNG or TIFF, then choose it again.",
  429: "It is very busy. Try again in a while.",
  503: "It is about to stop. Try again in a while.",
  504: "It took too long. Try again, or take a smaller image.",
};

export class Panel {
  // state: what all panels share; actions: onToggle, onAll, onAgain, onDownload.
  constructor(card, state, viewport, actions) {
    this.card = card;
    this.state = state;
    this.viewport = viewport;
    this.view = null;
    this.root = document.getElementById("panel").content.firstElementChild.cloneNode(true);
    for (const name of ["stage", "layers", "base", "paint", "cursor", "bubble", "work", "readout", "spoken", "details"]) {
      this[name] = this.find(`.${name}`);
    }
    this.alert = this.find(".alert");
    this.find("h2").textContent = card.name;
    this.stage.setAttribute("aria-label", `Prediction of ${card.name}`);
    this.actions = actions;
    this.connect();
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  connect() {
    this.find(".all").addEventListener("click", () => this.actions.onAll(this.view, true));
    this.find(".none").addEventListener("click", () => this.actions.onAll(this.view, false));
    this.find(".again").addEventListener("click", () => this.actions.onAgain());
    for (const button of this.root.querySelectorAll("[data-output]")) {
      button.setAttribute("aria-label", `${button.textContent} of ${this.card.name}`);
      button.addEventListener("click", () => this.actions.onDownload(this, button));
    }
    this.viewport.connect(this.stage, () => this.view, () => (this.spoken.textContent = this.readout.textContent));
  }

  // Show a segmentation, null: there is none yet. base: the image, null: the browser cannot show it.
  show(view, base) {
    this.view = view;
    this.details.hidden = view === null;
    this.stage.hidden = view === null && base === null;
    this.find(".facts").textContent = view === null ? "" : `${view.width} × ${view.height} px · ${Math.round(view.time_ms)} ms`;
    if (this.stage.hidden) return;
    const { width, height } = view ?? base;
    this.step = Math.ceil(Math.sqrt((width * height) / MOST_CANVAS_PX));
    for (const canvas of [this.base, this.paint]) {
      canvas.width = Math.ceil(width / this.step);
      canvas.height = Math.ceil(height / this.step);
    }
    this.stage.style.setProperty("--ratio", width / height);
    if (base) this.base.getContext("2d").drawImage(base, 0, 0, this.base.width, this.base.height);
    if (view === null) return;
    fillLegend(this.root, view, this.state.hidden, this.actions.onToggle);
    this.draw();
  }

  // Paint the view that is chosen; the opacity alone needs no painting.
  draw() {
    if (this.view === null) return;
    const { view, hidden, differs } = this.state;
    if (view === "entropy" && this.view.entropy) {
      paint(this.paint, this.view, this.view.entropy, entropyTable(), this.step);
    } else {
      const drawn = view === "differences" ? differs : null;
      paint(this.paint, this.view, this.view.ids, colorTable(this.view, hidden), this.step, drawn);
    }
    updateLegend(this.root, hidden);
    this.drawOpacity();
  }

  drawOpacity() {
    const { view, opacity } = this.state;
    const opacities = { overlay: opacity, labels: 1, entropy: this.view?.entropy ? 1 : 0, image: 0, differences: 0.85 };
    this.paint.style.opacity = opacities[view];
    this.base.style.visibility = view === "labels" ? "hidden" : "visible";
  }

  // Move the image and the cursor to where the viewport has them.
  place() {
    const { scale, left, top, cursor } = this.viewport;
    this.layers.style.transform = `scale(${scale}) translate(${-100 * left}%, ${-100 * top}%)`;
    this.stage.classList.toggle("zoomed", scale > 1);
    const isInside = cursor !== null && this.view !== null;
    this.cursor.hidden = this.bubble.hidden = !isInside;
    if (!isInside) {
      this.readout.textContent = this.view ? "Point at the image to read the class of a pixel." : "";
      return;
    }
    this.cursor.style.left = `${100 * cursor.x}%`;
    this.cursor.style.top = `${100 * cursor.y}%`;
    this.cursor.style.transform = `translate(-50%, -50%) scale(${1 / scale})`;
    this.placeBubble((cursor.x - left) * scale, (cursor.y - top) * scale);
    this.read(Math.floor(cursor.x * this.view.width), Math.floor(cursor.y * this.view.height));
  }

  // Put the bubble beside the cursor, inside of the stage.
  placeBubble(x, y) {
    this.bubble.style.left = `${100 * x}%`;
    this.bubble.style.top = `${100 * y}%`;
    this.bubble.classList.toggle("to-left", x > 0.5);
    this.bubble.classList.toggle("below", y < 0.2);
    this.bubble.hidden ||= x < 0 || x > 1 || y < 0 || y > 1;
  }

  // Name the class of a pixel and its probability.
  read(x, y) {
    const { view } = this;
    const at = y * view.width + x;
    const id = view.ids[at];
    const text = [nameOf(view, id)];
    if (view.probability && id !== view.ignore_index) text[0] += ` ${percent(view.probability[at] / 255, 0)}`;
    const classes = classesOf(view, id);
    this.bubble.replaceChildren(...(classes.length ? [swatch(meanColor(classes))] : []), text[0]);
    text.push(`x ${x}, y ${y}`);
    if (view.entropy) text.push(`entropy ${(view.entropy[at] / 255).toFixed(2)}`);
    this.readout.textContent = text.join(" · ");
  }

  // Tell how far the server is; null: it is not at work.
  showProgress(progress, elapsed_s = 0) {
    this.work.hidden = progress === null;
    if (progress === null) return;
    const bar = this.work.querySelector("progress");
    if (progress.phase === "upload") bar.value = progress.share;
    else bar.removeAttribute("value");
    const seconds = elapsed_s >= 1 ? ` ${Math.floor(elapsed_s)} s` : "";
    const texts = {
      start: "Waiting for its turn…",
      upload: `Uploading ${percent(progress.share ?? 0, 0)}`,
      segment: `Segmenting…${seconds}`,
      wait: `The server is busy; asking again in ${progress.seconds} s`,
    };
    this.work.querySelector(".work-text").textContent = texts[progress.phase];
  }

  // Tell what went wrong and what to do; null: nothing.
  showError(error) {
    this.alert.hidden = error === null;
    if (error !== null) this.alert.querySelector("p").textContent = [error.message, ADVICE[error.status]].filter(Boolean).join("\n");
  }
}
