// The page: images on their way through the networks of the server, and what was made of them.

import { ServerError, loadModels, predict } from "./api.js";
import { compare } from "./classes.js";
import { connectCamera, connectToken } from "./dialogs.js";
import { Strip, connectIntake } from "./intake.js";
import { percent } from "./legend.js";
import { Panel } from "./panel.js";
import { Queue } from "./queue.js";
import { Viewport } from "./viewport.js";

const NOTES = {
  overlay: "",
  labels: "The color of each pixel's class alone.",
  entropy: "How uncertain each pixel is: dark where the network is sure (0), light where all classes are equally likely (1).",
  image: "",
  differences: "Colors of classes where the two networks differ; the rest is dim.",
};
const FILES = { png: "_labels.png", coco: "_coco.json", labelme: ".json" };

const byId = (id) => document.getElementById(id);
const state = { view: "overlay", opacity: 0.6, hidden: new Set(), differs: null };
const panels = [];
const viewport = new Viewport(() => panels.forEach((panel) => panel.place()));
const askToken = connectToken(byId("token-dialog"));
let queue = null;
let strip = null;
let shown = null; // the image and the parts of it that are on the panels

function announce(text) {
  byId("status").textContent = text;
}

function alertPage(text) {
  byId("alert").textContent = text ?? "";
  byId("alert").hidden = !text;
}

function addFiles(files) {
  if (queue === null) return;
  alertPage(null);
  const images = files.map((file) => queue.add(file));
  for (const image of images) strip.add(image);
  if (images.length) select(images[0]);
}

function select(image) {
  byId("results").hidden = image === null;
  queue.select(image);
  viewport.cursor = null;
  viewport.fit();
  update(image);
}

function remove(image) {
  const at = queue.images.indexOf(image);
  queue.remove(image);
  strip.remove(image);
  if (image !== queue.current) return update(queue.current);
  const next = queue.images[Math.min(at, queue.images.length - 1)] ?? null;
  select(next);
  (next?.item.firstChild ?? byId("choose")).focus();
}

// Bring the page up to date with an image, where it is the selected one.
function update(image) {
  strip.update(queue.images, queue.current);
  if (image === null || image !== queue.current) return;
  panels.forEach((panel, at) => updatePanel(panel, image, image.parts[at]));
  shown = { image, base: image.base, views: image.parts.map((part) => part.view) };
}

function updatePanel(panel, image, part) {
  const at = panels.indexOf(panel);
  const isNew = shown?.image !== image || shown.base !== image.base || shown.views[at] !== part.view;
  const elapsed_s = (performance.now() - part.started) / 1000;
  panel.showProgress(part.progress, elapsed_s);
  panel.showError(part.error);
  announcePhase(panel, image, part);
  if (!isNew) return;
  updateComparison(image);
  panel.show(part.view, fittingBase(image.base, part.view));
  panel.place();
  if (part.view) announce(`${image.name}: segmented by ${part.view.model}`);
}

function announcePhase(panel, image, part) {
  const phase = part.progress?.phase;
  if (phase === part.announced) return;
  part.announced = phase;
  const texts = { upload: "uploading", segment: "segmenting", wait: "the server is busy, waiting" };
  if (phase in texts) announce(`${image.name}: ${texts[phase]}`);
}

// Return the image, null where the browser cannot show it as the server saw it.
function fittingBase(base, view) {
  return base && (view === null || (base.width === view.width && base.height === view.height)) ? base : null;
}

function updateComparison(image) {
  const views = image.parts.map((part) => part.view);
  if (views.length === 2 && !views.includes(null)) image.comparison ??= compare(...views);
  const { differs = null, agreement = null } = image.comparison ?? {};
  state.differs = differs;
  byId("agreement").hidden = agreement === null;
  if (agreement !== null) byId("agreement").textContent = `The two networks agree on ${percent(agreement)} of the pixels.`;
  updateNote(image);
}

function updateNote(image) {
  const [{ view }] = image.parts;
  const notes = [NOTES[state.view]];
  if (view && !fittingBase(image.base, view)) notes.push("This browser cannot show the image itself, so its labels are shown alone.");
  if (state.view === "entropy" && view && !view.entropy) notes.push("No entropy: the network computes labels alone, or the image has too many probabilities.");
  byId("view-note").textContent = notes.filter(Boolean).join(" ");
  byId("view-note").classList.toggle("with-ramp", state.view === "entropy");
}

function drawPanels() {
  for (const panel of panels) panel.draw();
}

function toggleClass(name, isDrawn) {
  if (isDrawn) state.hidden.delete(name);
  else state.hidden.add(name);
  drawPanels();
}

function toggleAll(view, isDrawn) {
  for (const each of view.classes) {
    if (isDrawn) state.hidden.delete(each.name);
    else state.hidden.add(each.name);
  }
  drawPanels();
}

async function download(panel, button) {
  const { output } = button.dataset;
  const image = queue.current;
  const stem = image.name.replace(/\.[^.]*$/, "");
  const part = panels.length > 1 ? `_${panel.card.name}` : "";
  button.disabled = true;
  try {
    const options = { model: panel.card.name, output, onProgress: () => {}, signal: image.abort.signal, askToken };
    save(await predict(image.file, options), `${stem}${part}${FILES[output]}`);
    announce(`${button.textContent} of ${image.name} is downloaded`);
    panel.showError(null);
  } catch (error) {
    if (error.name !== "AbortError" && image === queue.current) panel.showError(error);
  }
  button.disabled = false;
  button.focus();
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function again() {
  const image = queue.current;
  queue.reset(image);
  select(image);
}

function connectTools() {
  for (const radio of document.querySelectorAll("input[name=view]")) {
    radio.addEventListener("change", () => {
      state.view = radio.value;
      byId("opacity-label").classList.toggle("unused", state.view !== "overlay");
      byId("opacity").disabled = state.view !== "overlay";
      if (queue.current) updateNote(queue.current);
      drawPanels();
    });
  }
  byId("opacity").addEventListener("input", (event) => {
    state.opacity = event.target.value / 100;
    byId("opacity-value").textContent = `${event.target.value} %`;
    for (const panel of panels) panel.drawOpacity();
  });
  byId("zoom-in").addEventListener("click", () => viewport.zoom(1.5));
  byId("zoom-out").addEventListener("click", () => viewport.zoom(1 / 1.5));
  byId("zoom-fit").addEventListener("click", () => viewport.fit());
}

function describe(card) {
  return `${card.name} (${card.classes.length} classes, ${card.engine})`;
}

async function start() {
  connectTools();
  const early = [];
  connectIntake((files) => (queue === null ? early.push(...files) : addFiles(files)));
  connectCamera(byId("camera"), byId("camera-dialog"), (file) => addFiles([file]));
  const models = await loadModels(askToken);
  byId("models").textContent = models.map(describe).join(" and ");
  byId("differences-option").hidden = models.length < 2;
  queue = new Queue(models, askToken, update);
  strip = new Strip(byId("strip"), { onSelect: select, onRemove: remove });
  const actions = { onToggle: toggleClass, onAll: toggleAll, onAgain: again, onDownload: download };
  panels.push(...models.map((card) => new Panel(card, state, viewport, actions)));
  byId("panels").append(...panels.map((panel) => panel.root));
  byId("panels").classList.toggle("two", panels.length > 1);
  addFiles(early);
}

start().catch((error) => {
  byId("models").textContent = "";
  const advice = error instanceof ServerError && error.status === 401 ? "Reload the page to enter it." : "Check that it still runs, then reload the page.";
  alertPage(`${error.message}\n${advice}`);
});
