"""CVAT's auto-annotation function, held against the checks of cvat-sdk and its decoder of masks."""

import logging

import numpy as np
import pytest
from PIL import Image, ImageOps

import seg
from seg.data.datasets.streets import Streets
from seg.errors import ConfigError, DataError

cvataa = pytest.importorskip("cvat_sdk.auto_annotation", reason="needs the extra `cvat`")
pytest.importorskip("shapely")
driver = pytest.importorskip("cvat_sdk.auto_annotation.driver")
masks = pytest.importorskip("cvat_sdk.masks")
models = pytest.importorskip("cvat_sdk.models")

SIZE = (70, 90)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of cvat-sdk


@pytest.fixture(scope="module")
def create(small_run):
    from seg.serving import cvat_function

    def opened(**options):
        return cvat_function.create(str(small_run), device="cpu", **options)

    return opened


@pytest.fixture(scope="module")
def exact(create):
    return create(min_area_px=0)


@pytest.fixture(scope="module")
def image():
    return Image.fromarray(Streets(split="test", size=SIZE, test_length=1)[0].image)


@pytest.fixture(scope="module")
def label_HW(small_run, image):
    return seg.load_model(small_run).predict(image)


def context(**options):
    return driver._DetectionFunctionContextImpl(frame_name="street.png", **options)


def checked(function, shapes, *, conv_mask_to_poly=False, type_="any"):
    """Run the checks that cvat-sdk makes before it sends shapes; ids of the task's labels."""
    labels = [
        models.Label._from_openapi_data(
            id=1000 + each.id, name=each.name, type=type_, attributes=[], sublabels=[]
        )
        for each in function.spec.labels
    ]
    mapper = driver._AnnotationMapper(
        logging.getLogger(),
        function.spec.labels,
        labels,
        allow_unmatched_labels=False,
        conv_mask_to_poly=conv_mask_to_poly,
    )
    tags, remapped = mapper.validate_and_remap(shapes, 7)
    assert not tags
    assert len(remapped) == len(shapes) > 1
    assert {(each.frame, each.source) for each in remapped} == {(7, "auto")}
    return [(each.label_id - 1000, each) for each in remapped]


def drawn(shapes):
    decoded = np.full(SIZE, 255, np.uint8)
    for index, shape in shapes:
        mask_HW = masks.decode_mask(shape.points, image_width=SIZE[1], image_height=SIZE[0])
        assert mask_HW.any()
        assert (decoded[mask_HW] == 255).all()  # no pixel is drawn twice
        decoded[mask_HW] = index
    return decoded


def test_labels_are_the_classes_of_the_network(exact, small_run):
    assert isinstance(exact.spec, cvataa.DetectionFunctionSpec)
    named = {each.id: (each.name, str(each.type)) for each in exact.spec.labels}
    assert named == {
        at: (name, "mask") for at, name in enumerate(seg.load_model(small_run).classes)
    }


@pytest.mark.parametrize("per_class", [False, True])
def test_masks_are_what_seg_predicts(create, image, label_HW, per_class):
    function = create(min_area_px=0, per_class=per_class)
    shapes = checked(function, function.detect(context(), image), type_="mask")
    np.testing.assert_array_equal(drawn(shapes), label_HW)
    counts = np.bincount([index for index, _ in shapes])
    assert (counts.max() == 1) == per_class
    assert all(0 < shape.score <= 1 for _, shape in shapes)


def test_polygons_on_request(create, image, label_HW):
    features = pytest.importorskip("rasterio.features")
    shapely = pytest.importorskip("shapely")
    function = create(min_area_px=0, simplify_tolerance_px=0)
    found = function.detect(context(conv_mask_to_poly=True), image)
    shapes = checked(function, found, conv_mask_to_poly=True, type_="polygon")
    polygons = [
        (shapely.Polygon(np.reshape(shape.points, (-1, 2))), index) for index, shape in shapes
    ]
    assert all(polygon.is_valid for polygon, _ in polygons)
    burnt = features.rasterize(polygons, out_shape=SIZE, fill=255, dtype="uint8")
    np.testing.assert_array_equal(burnt, label_HW)


def test_small_regions_and_unsure_ones_are_left_out(create, exact, image):
    few = create().detect(context(), image)
    every = exact.detect(context(), image)
    assert 0 < len(few) < len(every)
    threshold = float(np.median([each.score for each in every]))
    sure = exact.detect(context(conf_threshold=threshold), image)
    assert [each.score for each in sure] == [
        each.score for each in every if each.score >= threshold
    ]
    assert exact.detect(context(conf_threshold=1.0), image) == []


def test_some_classes_alone(create, image, label_HW):
    largest = np.bincount(label_HW[label_HW < 255]).argmax()
    name = next(each.name for each in create().spec.labels if each.id == largest)
    function = create(classes=f" {name} ,", min_area_px=0)
    assert [each.name for each in function.spec.labels] == [name]
    assert {each.label_id for each in function.detect(context(), image)} == {largest}


def test_frames_of_other_kinds(exact, small_run, image):
    expected = exact.detect(context(), image)
    turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6  # by which CVAT's page turns it back
    assert ImageOps.exif_transpose(turned).size == image.size
    assert exact.detect(context(), turned) == expected
    opaque = image.convert("RGBA")
    assert exact.detect(context(), opaque) == expected
    palette = image.quantize(16)
    shapes = checked(exact, exact.detect(context(), palette))
    label_HW = seg.load_model(small_run).predict(palette.convert("RGB"))
    np.testing.assert_array_equal(drawn(shapes), label_HW)


def test_frames_that_cannot_be_read_are_named(exact, image):
    clear = image.convert("RGBA")
    clear.putalpha(128)
    deep = Image.fromarray(np.zeros(SIZE, np.uint16))
    for wrong in (clear, deep):
        with pytest.raises(DataError, match=r"frame street\.png: predict takes"):
            exact.detect(context(), wrong)


def test_options_are_those_of_seg_predict(create):
    with pytest.raises(ConfigError, match="min_area: no such key"):
        create(min_area=3)
    with pytest.raises(ConfigError, match="no class 'unicorn'; allowed: "):
        create(classes="unicorn")
    with pytest.raises(ConfigError, match="the images come from CVAT"):
        create(output="x")
