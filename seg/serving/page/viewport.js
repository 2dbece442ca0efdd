// Zoom, position and cursor of the image, the same in all panels.

const MOST_ZOOM = 32;
const ZOOM_STEP = 1.5;
const DRAG_PX = 4; // less is no drag

export class Viewport {
  // onChange: called after each change.
  constructor(onChange) {
    this.onChange = onChange;
    this.cursor = null; // {x, y} as shares of the image
    this.fit();
  }

  fit() {
    this.scale = 1;
    this.left = this.top = 0; // of the visible part, as shares of the image
    this.onChange();
  }

  // Zoom about a point of the image that stays where it is, by default the cursor or the middle.
  zoom(factor, point = null) {
    const middle = { x: this.left + 0.5 / this.scale, y: this.top + 0.5 / this.scale };
    const { x, y } = point ?? this.cursor ?? middle;
    const scale = Math.min(MOST_ZOOM, Math.max(1, this.scale * factor));
    const ratio = this.scale / scale;
    this.scale = scale;
    this.moveTo(x - (x - this.left) * ratio, y - (y - this.top) * ratio);
  }

  moveTo(left, top) {
    const most = 1 - 1 / this.scale;
    this.left = Math.min(most, Math.max(0, left));
    this.top = Math.min(most, Math.max(0, top));
    this.onChange();
  }

  setCursor(point) {
    this.cursor = point;
    this.onChange();
  }

  // Move the cursor by pixels of the image, and the visible part with it.
  step(dx, dy, view) {
    const { width, height } = view;
    const clamp = (at, size) => Math.min(size - 1, Math.max(0, at));
    const from = this.cursor ?? { x: 0.5, y: 0.5 };
    const isFirst = this.cursor === null;
    const x = clamp(Math.floor(from.x * width) + (isFirst ? 0 : dx), width);
    const y = clamp(Math.floor(from.y * height) + (isFirst ? 0 : dy), height);
    this.cursor = { x: (x + 0.5) / width, y: (y + 0.5) / height };
    const size = 1 / this.scale;
    const into = (start, at) => Math.min(at, Math.max(at - size, start));
    this.moveTo(into(this.left, this.cursor.x), into(this.top, this.cursor.y));
  }

  // Take pointer, wheel and keys of a stage. view: of the panel, null: there is none yet.
  // onKey: called after the cursor was moved by a key.
  connect(stage, view, onKey) {
    stage.addEventListener("keydown", (event) => this.handleKey(event, view(), onKey));
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !view()) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.pointOf(event, stage));
    }, { passive: false });
    this.connectPointer(stage, view);
  }

  connectPointer(stage, view) {
    let drag = null;
    stage.addEventListener("pointerdown", (event) => {
      if (!view()) return;
      drag = { x: event.clientX, y: event.clientY, left: this.left, top: this.top, moved: false };
      if (this.scale > 1) stage.setPointerCapture(event.pointerId);
      this.setCursor(this.pointOf(event, stage));
    });
    stage.addEventListener("pointermove", (event) => {
      if (!view()) return;
      if (drag && this.scale > 1) {
        const dx = event.clientX - drag.x;
        const dy = event.clientY - drag.y;
        drag.moved ||= Math.hypot(dx, dy) > DRAG_PX;
        const { width, height } = stage.getBoundingClientRect();
        if (drag.moved) this.moveTo(drag.left - dx / width / this.scale, drag.top - dy / height / this.scale);
      } else {
        this.setCursor(this.pointOf(event, stage));
      }
    });
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => (drag = null));
    stage.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && !drag && document.activeElement !== stage) this.setCursor(null);
    });
  }

  handleKey(event, view, onKey) {
    if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
    const px = event.shiftKey ? 1 : 10;
    const moves = { ArrowLeft: [-px, 0], ArrowRight: [px, 0], ArrowUp: [0, -px], ArrowDown: [0, px] };
    if (event.key in moves) {
      this.step(...moves[event.key], view);
      onKey();
    } else if (event.key === "+" || event.key === "=") {
      this.zoom(ZOOM_STEP);
    } else if (event.key === "-") {
      this.zoom(1 / ZOOM_STEP);
    } else if (event.key === "0") {
      this.fit();
    } else {
      return;
    }
    event.preventDefault();
  }

  // Return where a pointer is, as shares of the image; null: outside.
  pointOf(event, stage) {
    const box = stage.getBoundingClientRect();
    const x = this.left + (event.clientX - box.left) / box.width / this.scale;
    const y = this.top + (event.clientY - box.top) / box.height / this.scale;
    return x < 0 || y < 0 || x >= 1 || y >= 1 ? null : { x, y };
  }
}
