"""What a served network takes and gives, in the terms of the protocol."""

from dataclasses import dataclass
from typing import Any

from seg.inference.image_model import ImageModel
from seg.inference.segmentation_model import array_layout
from seg.io.json_file import compact_json
from seg.serving.open_inference.tensors import DTYPES, datatype_of

VERSION = "1"
"""The version of every served network: a server serves one of each."""
PLATFORM = "seg"
IMAGE, ENCODED = "image", "encoded"
LABELS, PROBABILITIES, MASKS, PNG = "labels", "probabilities", "masks", "png"
BYTES = "BYTES"


@dataclass(frozen=True)
class Tensor:
    """A tensor that a network takes or gives.

    Attributes:
        name: in requests and answers.
        datatype: of the protocol.
        shape: -1 where any length is allowed.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the tensor as metadata lists it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}

    def to_config(self) -> dict[str, Any]:
        """Return the tensor as Triton's `ModelConfig` lists it."""
        kind = "TYPE_STRING" if self.datatype == BYTES else f"TYPE_{self.datatype}"
        return {"name": self.name, "data_type": kind, "dims": list(self.shape)}


class Interface:
    """The tensors of a network.

    Args:
        name: of the network.
        model: the network.

    Attributes:
        name: see above.
        image_datatypes: the data types that the input `image` may have.
        image_bands: the numbers of bands that it may have.
        outputs: by their names.
    """

    def __init__(self, name: str, model: ImageModel) -> None:
        self.name = name
        self._classes = model.labels.output_names
        self.image_bands, kind = array_layout(model.decoding)
        numbers = tuple(each for each in DTYPES if each != "BOOL")
        self.image_datatypes = (datatype_of(kind),) if kind else numbers
        num_outputs = model.labels.num_outputs
        outputs = [
            Tensor(LABELS, datatype_of(model.labels.dtype), (-1, -1, -1)),
            Tensor(PNG, BYTES, (-1,)),
        ]
        if not model.labels_alone:
            outputs.append(Tensor(PROBABILITIES, "FP32", (-1, num_outputs, -1, -1)))
            if model.labels.outputs is not None:
                outputs.append(Tensor(MASKS, "BOOL", (-1, num_outputs, -1, -1)))
        self.outputs = {each.name: each for each in outputs}

    @property
    def inputs(self) -> tuple[Tensor, Tensor]:
        """Return both inputs, of which a request has one."""
        bands = self.image_bands[0] if len(self.image_bands) == 1 else -1
        datatype = self.image_datatypes[0] if len(self.image_datatypes) == 1 else "FP32"
        return Tensor(IMAGE, datatype, (-1, -1, -1, bands)), Tensor(ENCODED, BYTES, (-1,))

    def metadata(self) -> dict[str, Any]:
        """Return the model metadata of the protocol."""
        return {
            "name": self.name,
            "versions": [VERSION],
            "platform": PLATFORM,
            "inputs": [each.to_dict() for each in self.inputs],
            "outputs": [each.to_dict() for each in self.outputs.values()],
        }

    def config(self) -> dict[str, Any]:
        """Return what Triton's model configuration extension tells, as its `ModelConfig`."""
        classes = compact_json(self._classes).decode()
        return {
            "name": self.name,
            "platform": PLATFORM,
            "max_batch_size": 0,  # the first length of a shape is written out: images, not a batch
            "input": [each.to_config() | {"optional": True} for each in self.inputs],
            "output": [each.to_config() for each in self.outputs.values()],
            "parameters": {"classes": {"string_value": classes}},
        }
