"""Readers with and without the extra that reads all TIFFs."""

import pytest

from seg.data.readers import gdal

NO_EXTRA = pytest.param(False, id="without rasterio")
WITH_EXTRA = pytest.param(True, id="with rasterio")


@pytest.fixture(params=[WITH_EXTRA, NO_EXTRA])
def has_extra(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(gdal, "find_spec", lambda name: None)
    return request.param
