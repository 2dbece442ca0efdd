#!/usr/bin/env bash
# Believed: rasterio.features.rasterize fills the pixels of a raster that lie in a polygon, however far the polygon reaches.
# Seen (rasterio 1.4.4, GDAL 3.10.3): once a corner lies 2**31 pixels or more from the raster, nothing of the polygon is drawn,
#   without an error or a warning. The outline of a continent or of the world does so on a raster of millimeters to centimeters.
# Remedy: cut polygons to the extent of the raster before.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4
"$directory/venv/bin/python" -W error - <<'PYTHON'
import sys

import rasterio
from rasterio.features import rasterize

drawn = {}
for far in (1e6, 2e9, 3e9):
    ring = [[-far, -far], [far, -far], [far, far], [-far, far], [-far, -far]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    drawn[far] = int(rasterize([(shape, 1)], out_shape=(10, 10), dtype="uint8").sum())
print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__)
print("believed, pixels of a raster of 10 x 10 in a square around it:", dict.fromkeys(drawn, 100))
print("seen:", drawn)
sys.exit(0 if list(drawn.values()) == [100, 100, 0] else "the behaviour has changed")
PYTHON
