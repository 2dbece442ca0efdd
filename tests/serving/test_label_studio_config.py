"""Labeling configurations: which tags draw which classes on which images."""

import numpy as np
import pytest

from seg.errors import DataError
from seg.serving.label_studio_config import choose_control, read_config
from tests.prediction.traced_maps import trace

CLASSES = ("background", "Road", "car", "tall tree")


def view(inside, image="<Image name='image' value='$photo'/>"):
    return f"<View>{image}{inside}</View>"


def brush(*labels, name="brush", to_name="image", tag="BrushLabels"):
    inner = "".join(f"<Label {label}/>" for label in labels)
    return f"<{tag} name='{name}' toName='{to_name}'>{inner}</{tag}>"


def test_labels_are_classes_by_value_alias_or_predicted_values():
    labels = ("value='ROAD'", "value='Vehicle' predicted_values='bus, car'", "value='x' alias='y'")
    config = read_config(view(brush(*labels, "value='Tall  Tree' alias='t'")), CLASSES)
    (control,) = config.controls
    assert (control.tag, control.name, control.to_name) == ("BrushLabels", "brush", "image")
    assert dict(control.labels) == {1: "ROAD", 2: "Vehicle", 3: "t"}
    assert config.left_out == ("background",)
    (image,) = config.images
    assert (image.name, image.key, image.is_list) == ("image", "photo", False)


def test_the_same_name_goes_before_one_that_is_alike():
    config = read_config(view(brush("value='road'", "value='Road'", "value='CAR'")), CLASSES)
    assert dict(config.controls[0].labels) == {1: "Road", 2: "CAR"}


def test_background_is_drawn_where_it_is_a_label():
    config = read_config(view(brush("value='background'", "value='car'")), CLASSES)
    assert set(config.controls[0].labels) == {0, 2}


def test_several_images_and_lists_of_them():
    images = "<Image name='a' value='$left'/><Image name='b' valueList='$rest'/>"
    other = "<Image name='c' value='$depth'/><Text name='t' value='$text'/>"
    tags = brush("value='car'", to_name="a,b") + brush("value='car'", name="d", to_name="t")
    config = read_config(view(tags, images + other), CLASSES)
    assert [(each.name, each.key, each.is_list) for each in config.images] == [
        ("a", "left", False),
        ("b", "rest", True),
    ]
    assert [each.name for each in config.controls_of(config.images[1])] == ["brush"]


def test_nested_views_do_not_hide_labels_and_other_tags_have_none():
    nested = "<View><Choices name='q' toName='image'><Choice value='car'/></Choices></View>"
    inner = brush("value='car'").replace("<Label", "<View><Label").replace("/></B", "/></View></B")
    config = read_config(view(nested + inner + "<Label value='Road'/>"), CLASSES)
    assert dict(config.controls[0].labels) == {2: "car"}


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("<View/>", "without an <Image"),
        ("<View", "no valid XML"),
        ("", "no valid XML"),
        (view(""), "without a tag that draws regions"),
        (view(brush("value='cat'")), "no label of the project is a class"),
        (view(brush("value='car'", to_name="other")), "no label of the project is a class"),
        ("<!DOCTYPE View [<!ENTITY a 'b'>]><View/>", "document type"),
        (view("<View>" * 70 + "</View>" * 70), "nested deeper"),
    ],
)
def test_what_cannot_be_drawn_is_refused(xml, reason):
    with pytest.raises(DataError, match=reason):
        read_config(xml, CLASSES)


def test_the_tag_for_a_region():
    pytest.importorskip("shapely")
    label_HW = np.full((9, 9), 1, np.uint8)
    label_HW[3:5, 3:5] = 2
    regions = {each.class_index: each for each in trace(label_HW).regions}
    both = view(
        brush("value='car'", "value='road'")
        + brush("value='car'", "value='road'", name="p", tag="PolygonLabels")
        + brush("value='car'", name="r", tag="RectangleLabels")
    )
    controls = read_config(both, CLASSES).controls
    assert choose_control(regions[1], controls).tag == "BrushLabels"
    assert choose_control(regions[2], controls).tag == "PolygonLabels"
    assert choose_control(regions[2], controls[2:]).tag == "RectangleLabels"
    assert choose_control(regions[1], controls[2:]) is None
