"""A server as people write it today: `python -m seg.benchmarks.fastapi_peer PORT ENCODER CLASSES`.

A DeepLabV3+ of segmentation-models-pytorch, eager, behind FastAPI; Pillow reads the image and
writes the label map.
"""

import sys
from contextlib import nullcontext
from io import BytesIO
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from seg.models.interfaces import IMAGENET

_STRIDE, _TIMM = 16, "tu-"


def network(encoder: str, num_classes: int) -> nn.Module:
    """Return the network, with random weights."""
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    model: nn.Module = smp.DeepLabV3Plus(encoder, encoder_weights=None, classes=num_classes)
    return model.eval()


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Return the pixels of an image file, H x W x 3."""
    return np.array(Image.open(BytesIO(content)).convert("RGB"))


@torch.inference_mode()
def segmented(model: nn.Module, image_BHWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return class ids, B x H x W."""
    height, width = image_BHWC.shape[1:3]
    image_BCHW = IMAGENET(torch.from_numpy(image_BHWC).permute(0, 3, 1, 2))
    padded = functional.pad(image_BCHW, (0, -width % _STRIDE, 0, -height % _STRIDE))
    logits_BKHW: Tensor = model(padded)[..., :height, :width]
    return logits_BKHW.argmax(1).byte().numpy()


def png(label_HW: NDArray[np.uint8]) -> bytes:
    """Return the PNG of a label map."""
    stream = BytesIO()
    Image.fromarray(label_HW).save(stream, "PNG")
    return stream.getvalue()


def run_fastapi(port: int, encoder: str, num_classes: int) -> None:
    """Serve by FastAPI: a plain function, which it runs in threads."""
    import uvicorn
    from fastapi import FastAPI, File, Response, UploadFile

    model, app, upload = network(encoder, num_classes), FastAPI(), File()
    # maps that timm collects by hooks are those of whichever thread came last: IndexError, or worse
    turns = Lock() if encoder.startswith(_TIMM) else nullcontext()

    def predict(image: UploadFile = upload) -> Response:
        image_HWC = decoded(image.file.read())
        with turns:
            label_HW = segmented(model, image_HWC[None])[0]
        return Response(png(label_HW), media_type="image/png")

    app.post("/predict")(predict)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    run_fastapi(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
