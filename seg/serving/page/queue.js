// Images on their way through the server: one at a time, the selected one first.

import { predict } from "./api.js";
import { decodeImage, decodeView } from "./decoding.js";

const MOST_RESULTS = 12; // in memory; older ones are computed again when they are selected
const TICK_MS = 500;

export class Queue {
  // askToken: see `connectToken`; onChange(image): its state, progress or results changed.
  constructor(models, askToken, onChange) {
    this.models = models;
    this.askToken = askToken;
    this.onChange = onChange;
    this.images = [];
    this.current = null;
    this.running = false;
  }

  // Add a file; return its image.
  add(file) {
    const image = { file, name: file.name, address: URL.createObjectURL(file), abort: new AbortController() };
    this.reset(image);
    this.images.push(image);
    return image;
  }

  remove(image) {
    image.abort.abort();
    URL.revokeObjectURL(image.address);
    this.images = this.images.filter((each) => each !== image);
  }

  // Make an image new, to be segmented again.
  reset(image) {
    const parts = this.models.map(() => ({ view: null, progress: null, error: null, started: 0 }));
    Object.assign(image, { state: "waiting", base: null, parts, comparison: null });
  }

  select(image) {
    this.current = image;
    if (image) image.used = performance.now();
    this.run();
  }

  // Work until no image waits.
  async run() {
    if (this.running) return;
    this.running = true;
    const timer = setInterval(() => this.current?.state === "working" && this.onChange(this.current), TICK_MS);
    for (let image = this.next(); image; image = this.next()) {
      await this.segment(image);
      this.forget();
    }
    clearInterval(timer);
    this.running = false;
  }

  next() {
    const waiting = this.images.filter((each) => each.state === "waiting");
    if (waiting.includes(this.current)) return this.current;
    const results = this.images.filter((each) => each.state === "done").length;
    return results < MOST_RESULTS ? waiting[0] : undefined;
  }

  // Drop the results that were used longest ago.
  forget() {
    const done = this.images.filter((each) => each.state === "done" && each !== this.current);
    done.sort((a, b) => (a.used ?? 0) - (b.used ?? 0));
    for (const image of done.slice(0, Math.max(0, done.length + 1 - MOST_RESULTS))) this.reset(image);
  }

  // Ask every network about an image.
  async segment(image) {
    image.state = "working";
    for (const part of image.parts) part.progress = { phase: "start" };
    this.onChange(image);
    image.base = await decodeImage(image.file);
    this.onChange(image);
    for (const [at, model] of this.models.entries()) await this.ask(image, image.parts[at], model);
    image.state = image.parts.some((part) => part.error) ? "failed" : "done";
    this.onChange(image);
  }

  async ask(image, part, model) {
    part.started = performance.now();
    const onProgress = (progress) => {
      if (progress.phase !== part.progress?.phase) part.started = performance.now();
      part.progress = progress;
      this.onChange(image);
    };
    try {
      const options = { model: model.name, output: "view", onProgress, signal: image.abort.signal, askToken: this.askToken };
      const answer = await predict(image.file, options);
      part.view = await decodeView(JSON.parse(await answer.text()));
    } catch (error) {
      part.error = error;
    }
    part.progress = null;
    this.onChange(image);
  }
}
