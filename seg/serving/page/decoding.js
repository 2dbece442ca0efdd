// From the server's view of an image (JSON with PNGs) to arrays, one value a pixel.

const STRIP_PX = 2 ** 22; // read at a time: a whole canvas of a big image would take 4 bytes a pixel

// Return ids, probability and entropy (x 255; null where the network computes labels alone).
export async function decodeView(view) {
  const isWide = view.ignore_index > 255;
  const [ids, probability, entropy] = await Promise.all([
    readPng(view.ids, isWide),
    view.probability && readPng(view.probability),
    view.entropy && readPng(view.entropy),
  ]);
  return { ...view, ids, probability, entropy, label: null };
}

// isWide: values are red + 256 green; else red.
async function readPng(base64, isWide = false) {
  const bitmap = await createImageBitmap(new Blob([bytesOf(base64)], { type: "image/png" }), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  const values = new (isWide ? Uint16Array : Uint8Array)(width * height);
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP_PX / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    const { data } = context.getImageData(0, 0, width, count);
    const start = top * width;
    for (let at = 0, from = 0; at < width * count; at++, from += 4) {
      values[start + at] = isWide ? data[from] + 256 * data[from + 1] : data[from];
    }
  }
  bitmap.close();
  return values;
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

// Return the image as the browser decodes it (upright), or null where it cannot.
export async function decodeImage(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}
