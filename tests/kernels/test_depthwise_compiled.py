"""The kernels compile for cards that are not here: what the interpreter takes, a compiler may not.

Eight channels in bfloat16 are read at a time, also where a pixel has 728, and no register spills.
"""

import re

import pytest

from seg.kernels.depthwise_shapes import TILES, WEIGHT_TILES

triton = pytest.importorskip("triton")
FLAGS = {"KERNEL": 3, "STRIDE": 2, "VECTOR": 8, "RELU": True, "TRANSPOSED": False}
NONE = {"activated": None, "scale": None, "shift": None, "total": None, "spread": None}
PICTURES = {"source", "output", "gradient", "value", "activated"}
NUMBERS = {"dilation", "padding", "images", "tiles_a_part", "rows", "blocks_a_part", "groups"}
NUMBERS |= {"height", "width", "source_height", "source_width"}


def compiled(kernel, constants, capability, warps=4):
    """PTX of a kernel, its images in bfloat16, all other tensors in float32."""
    constants = {name: value for name, value in constants.items() if name in kernel.arg_names}
    signature, attributes, places = {}, {}, {}
    for place, name in enumerate(kernel.arg_names):
        if name in constants:
            signature[name], places[place,] = "constexpr", constants[name]
        elif name in NUMBERS:
            signature[name] = "i32"
        else:
            signature[name] = "*bf16" if name in PICTURES else "*fp32"
            attributes[place,] = [["tt.divisibility", 16]]
    source = triton.compiler.ASTSource(kernel, signature, places, attributes)
    target = triton.backends.compiler.GPUTarget("cuda", capability, 32)
    return triton.compile(source, target=target, options={"num_warps": warps}).asm["ptx"]


def check(ptx):
    assert re.search(r"ld\.global\.v4\.b32", ptx)
    assert "depot" not in ptx  # a stack for what does not fit into registers


def sizes(tile):
    import triton.language as tl

    block = {"ROWS": tile.rows, "COLUMNS": tile.columns, "CHANNELS": tile.channels}
    return block | {"SUM": tl.float32}


@pytest.fixture(autouse=True)
def _not_interpreted(monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("capability", [80, pytest.param(90, marks=pytest.mark.slow)])
def test_output_and_input_gradient(transposed, capability):
    from seg.kernels.depthwise_triton import tap_sums

    tile = TILES[0]
    given = FLAGS | NONE | sizes(tile) | {"TRANSPOSED": transposed}
    check(compiled(tap_sums, given, capability, tile.warps))


@pytest.mark.slow
@pytest.mark.parametrize("tile", TILES, ids=str)
def test_moments_and_slopes(tile):
    from seg.kernels.depthwise_triton import tap_sums

    check(compiled(tap_sums, FLAGS | sizes(tile), 80, tile.warps))


@pytest.mark.parametrize("capability", [80, pytest.param(90, marks=pytest.mark.slow)])
def test_weight_gradient(capability):
    from seg.kernels.depthwise_triton import weight_sums

    tile = WEIGHT_TILES[0]
    check(compiled(weight_sums, FLAGS | NONE | sizes(tile), capability, tile.warps))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normalize", "gradient_sums", "input_gradient"])
def test_norm(name):
    from seg.kernels import norm_triton

    given = FLAGS | {"ROWS": 32, "CHANNELS": 64}
    check(compiled(getattr(norm_triton, name), given, 80))
