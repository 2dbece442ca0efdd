"""The network of `fastapi_peer`, by LitServe: `python -m seg.benchmarks.litserve_peer ...`."""

import sys
from typing import Any

import litserve
import numpy as np
from fastapi import Response
from numpy.typing import NDArray

from seg.benchmarks.fastapi_peer import decoded, network, png, segmented

_MAX_BATCH, _BATCH_TIMEOUT_S = 4, 0.01


class Segmentation(litserve.LitAPI):  # type: ignore[misc]
    """One process that computes batches of images of one size.

    Args:
        encoder: of the network.
        num_classes: of its labels.
    """

    def __init__(self, encoder: str, num_classes: int) -> None:
        super().__init__(max_batch_size=_MAX_BATCH, batch_timeout=_BATCH_TIMEOUT_S)
        self.encoder, self.num_classes = encoder, num_classes

    def setup(self, device: str) -> None:
        """Make the network."""
        self.model = network(self.encoder, self.num_classes).to(device)

    def decode_request(self, request: litserve.Request) -> NDArray[np.uint8]:
        """Return the image of a form."""
        form: Any = request
        return decoded(form["image"].file.read())

    def batch(self, inputs: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Stack images."""
        return np.stack(inputs)

    def predict(self, image_BHWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return class ids, B x H x W."""
        return segmented(self.model, image_BHWC)

    def unbatch(self, label_BHW: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """Return the label map of each image."""
        return list(label_BHW)

    def encode_response(self, label_HW: NDArray[np.uint8]) -> Response:
        """Return a PNG."""
        return Response(png(label_HW), media_type="image/png")


if __name__ == "__main__":
    server = litserve.LitServer(
        Segmentation(sys.argv[2], int(sys.argv[3])),
        accelerator="cpu",
        devices=1,
        workers_per_device=1,
    )
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False
    )
