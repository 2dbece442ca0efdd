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


def write_cvat_xml(folder):
    """Write a box and a mask in "CVAT for images 1.1"; return the XML file."""
    (folder / "images").mkdir()
    Image.new("RGB", (16, 12)).save(folder / "images/a.png")
    box = '<box label="car" xtl="1.00" ytl="2.00" xbr="5.50" ybr="9.00" z_order="0"/>'
    mask = '<mask label="car" rle="1, 3" left="2" top="2" width="2" height="2" z_order="1"/>'
    image = f'<image id="0" name="a.png" subset="train" width="16" height="12">{box}{mask}</image>'
    labels = "<labels><label><name>car</name><color>#00008e</color></label></labels>"
    meta = f"<meta><task>{labels}</task></meta>"
    (folder / "annotations.xml").write_text(f"<annotations>{meta}{image}</annotations>")
    return folder / "annotations.xml"
