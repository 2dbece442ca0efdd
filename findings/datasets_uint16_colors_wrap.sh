#!/usr/bin/env bash
# Believed: the Image feature of Hugging Face `datasets` stores a 16-bit H x W x 3 array without loss, as it stores a
#   16-bit H x W array, or refuses it, as it refuses float32 with three channels.
# Seen (datasets 5.2.0, Pillow 13.0.0): it is stored as 8-bit PNG modulo 256. 256 becomes 0, 300 becomes 44. A warning names a
#   "downcast", not the wrap. A colored 16-bit scan or a 3-band composite of a satellite comes back as noise.
# Remedy: scale such arrays to 8 bits before they go into an Image column, or keep the bytes of a 16-bit file.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pillow==13.0.0 numpy==2.4.6
HF_HOME="$directory/home" "$directory/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import datasets
import numpy as np
import PIL

values = np.array([0, 200, 255, 256, 300, 4095, 65535], np.uint16)
gray = np.repeat(values[None], 4, 0)
color = np.repeat(gray[..., None], 3, 2)
feature = datasets.Features({"image": datasets.Image()})
back = []
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for array in (gray, color):
        table = datasets.Dataset.from_dict({"image": [array]}, features=feature)
        image = table[0]["image"]
        back.append(np.asarray(image))
        row = back[-1][0] if array.ndim == 2 else back[-1][0, :, 0]
        print(f"{array.shape}: {image.format} {image.mode} {row.tolist()}")
print("datasets", datasets.__version__, "Pillow", PIL.__version__)
print("warnings:", sorted({str(each.message) for each in caught if "cast" in str(each.message)}))
same = np.array_equal(back[0], gray) and np.array_equal(back[1], color % 256)
sys.exit(0 if same else "the behaviour has changed")
PYTHON
