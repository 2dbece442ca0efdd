#!/usr/bin/env bash
# Believed: litdata's `optimize` gives a Pillow image back as it was put in: the same size for every file format, and a palette
#   image with its palette.
# Seen (litdata 0.2.76): a JPEG file with EXIF orientation 6 comes back turned upright, as a tensor; a PNG with the same tag
#   comes back as stored, without the tag. An image beside its label is turned or not by the format of its file. The palette
#   of a palette PNG is gone: its mode is still P, and every color is black.
# Remedy: turn images upright and read label ids before they go into litdata, and put in arrays.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check \
    litdata==0.2.76 pillow==13.0.0 numpy==2.4.6 torch==2.14.1 torchvision==0.29.1
cat > "$directory/seen.py" <<'PYTHON'
import sys
from pathlib import Path

import litdata
import numpy as np
from PIL import Image

here = Path(sys.argv[1])


def load(name: str) -> dict[str, object]:
    return {"name": name, "image": Image.open(here / name)}


if __name__ == "__main__":
    turned = Image.Exif()
    turned[0x0112] = 6
    image = Image.fromarray(np.arange(16 * 24 * 3, dtype=np.uint8).reshape(16, 24, 3))
    image.save(here / "turned.jpg", exif=turned)
    image.save(here / "turned.png", exif=turned)
    label = Image.fromarray((np.arange(384) % 3).astype(np.uint8).reshape(16, 24))
    label.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    label.save(here / "label.png")
    sizes = {}
    for name in ("turned.jpg", "turned.png", "label.png"):
        shards = str(here / f"shards of {name}")
        litdata.optimize(load, [name], output_dir=shards, chunk_bytes="1MB", num_workers=1)
        back = litdata.StreamingDataset(shards)[0]["image"]
        sizes[name] = back.size if isinstance(back, Image.Image) else tuple(back.shape)
        kind = back.mode if isinstance(back, Image.Image) else back.dtype
        print(name, type(back).__name__, kind, sizes[name])
    colors = np.unique(np.asarray(back.convert("RGB"))).tolist()
    print("colors of the label:", colors)
    print("litdata", litdata.__version__)
    assert sizes["turned.jpg"] == (3, 24, 16), sizes
    assert sizes["turned.png"] == (24, 16), sizes
    assert colors == [0], colors
PYTHON
"$directory/venv/bin/python" "$directory/seen.py" "$directory" 2>"$directory/errors" || { cat "$directory/errors"; exit 1; }
