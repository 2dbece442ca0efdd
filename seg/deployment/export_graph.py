"""Network as one graph: images in, logits or labels out, at any size."""

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional

from seg.deployment.metadata import ExportSpec
from seg.deployment.stored_images import TYPES, StoredImages, stored_channels, with_kind
from seg.errors import ConfigError, error_summary
from seg.inference.masks import decide_masks
from seg.inference.segmentation_model import TrainedSegmenter
from seg.kernels.label_tensors import label_tensor_dtype
from seg.losses.mask_loss import IGNORED

DTYPES = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "int8": torch.float32,
}


class ImageGraph(nn.Module):
    """Module that is exported: scaling, normalization, padding, the network, and the argmax.

    Args:
        network: in evaluation mode.
        spec: kinds of input and output.
    """

    def __init__(self, network: TrainedSegmenter, spec: ExportSpec) -> None:
        super().__init__()
        self.network = network
        self.normalized = spec.input_kind == "normalized"
        self.labels = spec.output_kind == "labels"
        self.outputs = network.labels.outputs
        self.ignored = network.labels.ignore_index if self.outputs is None else IGNORED
        self.stored = None
        if spec.input_kind == "stored":
            self.stored = StoredImages(with_kind(network.decoding, spec.stored_type))

    def forward(self, image: Tensor) -> Tensor:
        """Map images B x C x H x W to logits B x K x h x w, float32, or labels B x H x W.

        The labels of sigmoid outputs are masks B x K x H x W of 0 and 1, uint8. Labels are
        `ignore_index`, masks 255 where stored values are no data.
        """
        height, width = image.shape[2:]
        missing_B1HW = None
        if self.stored is not None:
            image, missing_B1HW = self.stored(image)
        image_BCHW = image if self.normalized else self.network.normalization(image)
        logits = self.network.decode(self.network.encode(image_BCHW), (height, width))
        if not self.labels:
            return logits.values
        resize = logits.resize
        grid_BKHW = functional.interpolate(
            logits.values, size=resize.grid, mode="bilinear", align_corners=resize.align_corners
        )
        if self.outputs is None:
            labels = grid_BKHW.argmax(1).to(label_tensor_dtype(grid_BKHW.shape[1]))
        else:
            labels = decide_masks(grid_BKHW, self.outputs).to(torch.uint8)
        # a slice would make torch.export specialize on whether the grid equals the image
        rows = torch.arange(height, device=image.device)
        columns = torch.arange(width, device=image.device)
        labels = labels.index_select(-2, rows).index_select(-1, columns)
        if missing_B1HW is not None:
            missing = missing_B1HW[:, 0] if self.outputs is None else missing_B1HW
            ignored = torch.tensor(self.ignored, dtype=labels.dtype, device=image.device)
            labels = torch.where(missing, ignored, labels)
        return labels


def exported_program(network: TrainedSegmenter, spec: ExportSpec) -> ExportedProgram:
    """Trace the graph of a network that is ready for inference, on the spec's device.

    Raises:
        ConfigError: the network takes only images of one size.
    """
    graph = ImageGraph(network, spec).eval().to(spec.device)
    example = example_input(network, spec).to(spec.device)
    axes = (() if spec.batch_size else (0,)) + (() if spec.size else (2, 3))
    dynamic_shape = dict.fromkeys(axes, Dim.DYNAMIC)
    with torch.no_grad():
        try:
            return torch.export.export(graph, (example,), dynamic_shapes=(dynamic_shape,))
        except Exception as error:  # whatever tracing an unknown network provokes
            if spec.size is not None and spec.batch_size is not None:
                raise
            raise ConfigError(
                f"size={spec.size}, batch_size={spec.batch_size}: the network cannot be traced for "
                f"any size or batch ({error_summary(error)})\n"
                "  give size=[HEIGHT,WIDTH] and, where that is not enough, batch_size=1"
            ) from error


def example_input(network: TrainedSegmenter, spec: ExportSpec) -> Tensor:
    """Return an image of the spec's kind, of an arbitrary size where the size is open."""
    step = max(network.output_stride, network.input_multiple or 1)
    size = spec.size or (4 * step + 2, 6 * step + 3)
    channels, dtype = len(network.normalization.mean), torch.float32
    if spec.stored_type is not None:
        channels, dtype = stored_channels(network.decoding), TYPES[spec.stored_type]
    elif spec.input_kind == "uint8":
        dtype = torch.uint8
    shape = (spec.batch_size or 2, channels, *size)
    return torch.zeros(shape, dtype=dtype)
