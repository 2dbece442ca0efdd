"""Comparison of a weight file in our encoder with the implementation that it comes from."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seg.errors import DataError, error_summary
from seg.models.encoders import create_encoder
from seg.models.weights import load_weights
from seg.models.weights.key_maps import translate
from seg.models.weights.model_zoo import PUBLISHED
from seg.weight_tools.inspect import WeightInspection, inspect_weights

TOLERANCE = 1e-4
_SIZE_HW = (129, 128)  # one side odd, one even: paddings differ there
_TIMM_NAMES = {  # timm/NAME.TAG
    published.encoder: published.source.removeprefix("timm/").partition(".")[0]
    for published in PUBLISHED
    if published.source.startswith("timm/")
}


@dataclass(frozen=True)
class Verification:
    """Our network and the origin's on one random image.

    Attributes:
        encoder: name of our encoder.
        origin: implementation that it is compared with.
        relative_error: largest difference of the last map, in units of its largest value.
    """

    encoder: str
    origin: str
    relative_error: float

    @property
    def equal(self) -> bool:
        """Return whether the difference is what float32 explains."""
        return self.relative_error < TOLERANCE


def verify(source: str, encoder: str | None = None) -> Verification:
    """Load a source here and in the origin's own implementation, and compare the last map.

    Args:
        source: see `seg.models.weights.sources.locate`.
        encoder: see `seg.weight_tools.inspect.inspect_weights`.

    Raises:
        DataError: a source that does not load, or whose origin cannot be run here.
    """
    inspection = inspect_weights(source, encoder)
    origin, run = _origin(inspection)
    ours = create_encoder(inspection.encoder, output_stride=32)
    load_weights(ours, inspection.located.path)
    image = torch.rand(1, 3, *_SIZE_HW, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        last = ours.eval()(image)[-1].numpy()
    theirs = run(inspection, image)
    error = float(np.abs(last - theirs).max() / max(float(np.abs(theirs).max()), 1e-30))
    return Verification(inspection.encoder, origin, error)


def _origin(
    inspection: WeightInspection,
) -> tuple[str, Callable[[WeightInspection, Tensor], NDArray[Any]]]:
    """Return the name of the implementation that a file comes from, and what runs it."""
    if inspection.format == "Keras":
        if find_spec("keras") is None:
            raise _verification_error(inspection, "Keras is not installed; pip install keras")
        return "keras.applications.Xception", _run_keras
    if inspection.coverage.key_map == "our own names":
        raise _verification_error(
            inspection, "it is in our own names, and so has no other implementation"
        )
    if inspection.format in ("PyTorch", "safetensors") and inspection.encoder in _TIMM_NAMES:
        return f"timm {_TIMM_NAMES[inspection.encoder]}", _run_timm
    raise _verification_error(
        inspection,
        f"the implementation behind {inspection.format} files of {inspection.encoder} does not run "
        "beside today's libraries; tests/models compares with numbers recorded from it",
    )


def _verification_error(inspection: WeightInspection, reason: str) -> DataError:
    """Return the error of a source that cannot be verified, with the reason."""
    return DataError(f"source={inspection.located.origin}: cannot be verified here: {reason}")


def _run_timm(inspection: WeightInspection, image_BCHW: Tensor) -> NDArray[Any]:
    """Return the last map of timm's network with the file's tensors, B x C x H x W."""
    import timm

    theirs: nn.Module = timm.create_model(_TIMM_NAMES[inspection.encoder], num_classes=0).eval()
    state = theirs.state_dict()
    places, _ = translate(list(state), list(inspection.content.arrays))
    for name, place in places.items():
        if not name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(inspection.content.arrays[place]).reshape(state[name].shape)
    theirs.load_state_dict(state)
    with torch.inference_mode():
        features: Any = theirs.forward_features(image_BCHW)  # type: ignore[operator]
    map_BCHW: NDArray[Any] = features.numpy()
    return map_BCHW


def _run_keras(inspection: WeightInspection, image_BCHW: Tensor) -> NDArray[Any]:
    """Return the last map of Keras's own network with the file, B x C x H x W."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    head = inspection.content.arrays.get("linear.weight")
    theirs = keras.applications.Xception(
        weights=None,
        include_top=head is not None,
        classes=1000 if head is None else len(head),
        input_shape=(*_SIZE_HW, 3),
    )
    try:
        theirs.load_weights(inspection.located.path)
    except (ValueError, OSError) as error:
        reason = error_summary(error, 160)
        raise _verification_error(inspection, f"Keras itself does not load it ({reason})") from None
    last = theirs.get_layer("block14_sepconv2_act").output
    map_BHWC = keras.Model(theirs.input, last)(image_BCHW.permute(0, 2, 3, 1).numpy())
    map_BCHW: NDArray[Any] = keras.ops.convert_to_numpy(map_BHWC).transpose(0, 3, 1, 2)
    return map_BCHW
