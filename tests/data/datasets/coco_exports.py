"""What two tools wrote for shapes that were made up, and the label maps that these stand for."""

from PIL import Image

# datumaro 1.13.12, `coco_instances` (the exporter of CVAT): a polygon, a mask, a box, a polygon.
DATUMARO = (
    '{"licenses":[{"name":"","id":0,"url":""}],"info":{"contributor":"","date_created":"",'
    '"description":"","url":"","version":"","year":""},"categories":[{"id":1,"name":"car",'
    '"supercategory":""},{"id":2,"name":"road","supercategory":""}],"images":[{"id":1,"width":10,'
    '"height":8,"file_name":"a.jpg","license":0,"flickr_url":"","coco_url":"","date_captured":0},'
    '{"id":2,"width":10,"height":8,"file_name":"sub/b.jpg","license":0,"flickr_url":"",'
    '"coco_url":"","date_captured":0}],"annotations":[{"id":1,"image_id":1,"category_id":1,'
    '"segmentation":[[1.0,1.0,6.0,1.0,6.0,5.0,1.0,5.0]],"area":20.0,"bbox":[1.0,1.0,5.0,4.0],'
    '"iscrowd":0},{"id":2,"image_id":1,"category_id":2,"segmentation":{"counts":[17,3,5,1,1,1,5,3,'
    '44],"size":[8,10]},"area":8.0,"bbox":[2.0,1.0,3.0,3.0],"iscrowd":1},{"id":3,"image_id":1,'
    '"category_id":1,"segmentation":[],"area":9.0,"bbox":[1.0,1.0,3.0,3.0],"iscrowd":0},{"id":4,'
    '"image_id":1,"category_id":2,"segmentation":[[0.20000000298023224,0.20000000298023224,'
    "3.700000047683716,0.4000000059604645,2.0999999046325684,6.599999904632568]],"
    '"area":12.0,"bbox":[0.2,0.2,3.5,6.4],"iscrowd":0}]}'
)
DATUMARO_LABEL = [
    "rrrr......",
    ".rrrrc....",
    ".rrcrc....",
    ".rrrrc....",
    ".rrccc....",
    "..........",
    "..........",
    "..........",
]
# label-studio-sdk 2.1.2, `COCO_WITH_IMAGES`: the images are copied to images/.
LABEL_STUDIO = (
    '{"images": [{"width": 10, "height": 8, "id": 0, "file_name": "..\\/upload\\/1\\/a.png"},'
    '{"width": 10, "height": 8, "id": 1, "file_name": "..\\/upload\\/1\\/b.png"},'
    '{"width": 10, "height": 8, "id": 2, "file_name": "..\\/upload\\/1\\/c.png"}],'
    '"categories": [{"id": 0, "name": "car"}, {"id": 1, "name": "road"}], "annotations": ['
    '{"id": 0, "image_id": 0, "category_id": 0, "segmentation": [[1.0, 1.0, 6.0, 1.0, 6.0, 5.0,'
    '1.0, 5.0]], "bbox": [1.0, 1.0, 5.0, 4.0], "ignore": 0, "iscrowd": 0, "area": 20.0},'
    '{"id": 1, "image_id": 2, "category_id": 0, "segmentation": [], "bbox": [1.0, 0.8, 3.0, 2.4],'
    '"ignore": 0, "iscrowd": 0, "area": 7.199999999999999}], "info": {"year": 2026,'
    '"version": "1.0", "description": "", "contributor": "Label Studio", "url": ""}}'
)
LABEL_STUDIO_LABEL = ["." * 10, *4 * [".ccccc...."], *3 * ["." * 10]]


def write(root, file, content, images):
    """Write an annotation file and images of 10 x 8 pixels."""
    for path in (file, *images):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(content)
    for path in images:
        Image.new("RGB", (10, 8)).save(root / path)
