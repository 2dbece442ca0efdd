// What the numbers of a label map mean: names and colors of pixels.

const OPAQUE = 0xff000000;
const CLEAR = 0;
const DIM = 0xa0101010; // alpha, blue, green, red: canvases are little-endian
// Dark blue to yellow, lightness rises evenly: readable in gray too.
const RAMP = [[8, 12, 48], [66, 28, 104], [134, 44, 100], [198, 70, 74], [240, 126, 42], [250, 196, 60], [252, 250, 190]];

// Return whether numbers are sets of classes, bit k for class k.
const hasSets = (view) => view.mode === "multi_label";

const rgba = ([red, green, blue]) => (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;

// Return the classes of a number in a label map.
export function classesOf(view, id) {
  if (id === view.ignore_index) return [];
  return hasSets(view) ? view.classes.filter((each) => (id >> each.id) & 1) : [view.classes[id]];
}

export function nameOf(view, id) {
  if (id === view.ignore_index) return "no data";
  return classesOf(view, id).map((each) => each.name).join(" + ") || "no class";
}

export function meanColor(classes) {
  return [0, 1, 2].map((at) => Math.round(classes.reduce((sum, each) => sum + each.color[at], 0) / classes.length));
}

// Return the color of each number, RGBA in 32 bits; hidden: names of classes that are not drawn.
export function colorTable(view, hidden) {
  const table = new Uint32Array(view.ignore_index > 255 ? 2 ** 16 : 256);
  const count = hasSets(view) ? 2 ** view.classes.length : view.classes.length;
  for (let id = 0; id < count; id++) {
    const drawn = classesOf(view, id).filter((each) => !hidden.has(each.name));
    table[id] = drawn.length ? rgba(meanColor(drawn)) : CLEAR;
  }
  return table;
}

// Return the color of each entropy, 0 to 255.
export function entropyTable() {
  return Uint32Array.from({ length: 256 }, (_, value) => {
    const position = (value / 255) * (RAMP.length - 1);
    const low = Math.min(Math.floor(position), RAMP.length - 2);
    const share = position - low;
    return rgba(RAMP[low].map((from, at) => Math.round(from + share * (RAMP[low + 1][at] - from))));
  });
}

// Return of each number of `other` the number that means the same classes in `view`; -1: none does.
function translation(view, other) {
  const table = new Int32Array(2 ** 16).fill(-1);
  const ids = new Map(view.classes.map((each) => [each.name, each.id]));
  const isSet = hasSets(view);
  if (isSet !== hasSets(other)) return table;
  const count = isSet ? 2 ** other.classes.length : other.classes.length;
  for (let id = 0; id < count; id++) {
    const known = classesOf(other, id).map((each) => ids.get(each.name) ?? -1);
    if (!known.includes(-1)) table[id] = isSet ? known.reduce((code, each) => code | (1 << each), 0) : known[0];
  }
  return table;
}

// Compare two predictions of one image.
// Return `differs`: 1 where classes differ, and `agreement`: the share of equal pixels of those that
// have data in both (null: the sizes differ, or there are none).
export function compare(view, other) {
  if (view.width !== other.width || view.height !== other.height) return { differs: null, agreement: null };
  const table = translation(view, other);
  const differs = new Uint8Array(view.ids.length);
  let equal = 0;
  let counted = 0;
  for (let at = 0; at < differs.length; at++) {
    if (view.ids[at] === view.ignore_index || other.ids[at] === other.ignore_index) continue;
    counted++;
    if (table[other.ids[at]] === view.ids[at]) equal++;
    else differs[at] = 1;
  }
  return { differs, agreement: counted ? equal / counted : null };
}

// Paint values by a table into a canvas that shows every `step`-th pixel.
// differs: pixels that are equal are dimmed; null: all are painted.
export function paint(canvas, view, values, table, step, differs = null) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  let to = 0;
  for (let y = 0; y < canvas.height; y++) {
    let from = y * step * view.width;
    for (let x = 0; x < canvas.width; x++, from += step) {
      pixels[to++] = differs === null || differs[from] ? table[values[from]] : DIM;
    }
  }
  context.putImageData(image, 0, 0);
}
