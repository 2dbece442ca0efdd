#!/usr/bin/env bash
# Believed: byte order and 64-bit offsets of a TIFF do not depend on each other: whoever reads big-endian TIFF and
#   little-endian BigTIFF reads big-endian BigTIFF.
# Seen (Pillow 13.0.0): UnidentifiedImageError for big-endian BigTIFF alone, without a reason, so that a sound image looks
#   damaged. tifffile 2026.3.3 and GDAL (rasterio 1.4.4) read all four.
# Remedy: read such files with tifffile or GDAL.
# Exits 1 if that changes.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check \
    pillow==13.0.0 tifffile==2026.3.3 rasterio==1.4.4 numpy==2.2.6
"$scratch/venv/bin/python" -W ignore - "$scratch" <<'PYTHON'
import sys
from itertools import product
from pathlib import Path

import numpy as np
import PIL
import rasterio
import tifffile
from PIL import Image, UnidentifiedImageError

print("Pillow", PIL.__version__, "tifffile", tifffile.__version__, "rasterio", rasterio.__version__)
pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
read = {}
for order, big in product("<>", (False, True)):
    path = Path(sys.argv[1], f"{'big' if big else 'classic'}{ord(order)}.tif")
    tifffile.imwrite(path, pixels, byteorder=order, bigtiff=big, photometric="minisblack")
    assert np.array_equal(tifffile.imread(path), pixels)
    with rasterio.open(path) as raster:
        assert np.array_equal(raster.read(1), pixels)
    try:
        read[order, big] = bool(np.array_equal(np.array(Image.open(path)), pixels))
    except UnidentifiedImageError as error:
        read[order, big] = False
        print(type(error).__name__)
    print("byte order", order, "BigTIFF" if big else "TIFF", "read by Pillow:", read[order, big])
sys.exit(read != {("<", False): True, ("<", True): True, (">", False): True, (">", True): False})
PYTHON
