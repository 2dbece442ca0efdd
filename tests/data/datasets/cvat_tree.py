"""A small tree in CVAT's "Segmentation mask 1.1"."""

import numpy as np
from PIL import Image

LABELMAP = """# label:color_rgb:parts:actions
background:0,0,0::
car:0,0,142::
road: wet:128,64,128::
"""


LABEL = np.array([[[0, 0, 0], [128, 64, 128], [0, 0, 142]]], np.uint8)


def plant(root, lists, labelmap=LABELMAP):
    (root / "ImageSets/Segmentation").mkdir(parents=True, exist_ok=True)
    (root / "labelmap.txt").write_text(labelmap)
    for split, names in lists.items():
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            image, label = root / f"JPEGImages/{name}.jpg", root / f"SegmentationClass/{name}.png"
            for path in (image, label):
                path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (3, 1)).save(image)
            Image.fromarray(LABEL).save(label)
    return root
