"""What training sees, drawn: the sheet's pixels, and a page that is whole, safe and exact."""

import albumentations
import numpy as np
import pytest

from seg.data.label_space import LabelSpace
from seg.data.loading.loader import KeyedDataset
from seg.data.loading.resumable_sampler import SampleKey
from seg.data.sample import Sample
from seg.data.transforms.pipeline import Augmentation
from seg.dataset_tools.preview import contact_sheet, write_page
from seg.errors import ConfigError
from tests.reports.parsed_page import Page, decoded

LABELS = LabelSpace.identity(("road", "<i>car & 'van'</i>"), ((200, 0, 0), (0, 0, 200)))
NAME = '"><script>alert(1)</script>&{0}'


class Memory:
    labels, split = LABELS, "train"

    def __init__(self, samples=3, size=(24, 32)):
        self.size, self.samples = size, samples

    def __len__(self):
        return self.samples

    def __getitem__(self, index):
        label_HW = np.zeros(self.size, np.uint8)
        label_HW[: 2 + index, : 5 + index] = 1
        label_HW[-1] = 255
        image = np.full((*self.size, 3), 40 * (index + 1), np.uint8)
        return Sample(f"{NAME}/{index}", image, label_HW)


def flips():
    transforms = [albumentations.HorizontalFlip(p=0.5), albumentations.RandomCrop(12, 16)]
    return Augmentation(transforms, ignore_index=255)


@pytest.fixture
def page(tmp_path):
    write_page(tmp_path / "new/page.html", Memory(), flips(), count=5, seed=3)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]
    return Page(tmp_path / "new/page.html")


def test_the_sheet_shows_labels_over_pictures():
    dataset = Memory(samples=1)
    sheet = contact_sheet(dataset, None, count=1, columns=4, seed=0)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    colors = {tuple(color) for color in sheet.reshape(-1, 3).tolist()}
    assert {(120, 20, 20), (20, 20, 120), (20, 20, 20)} <= colors  # half picture, half class
    assert {(200, 0, 0), (0, 0, 200)} <= colors  # the legend


def test_the_sheet_has_rows_and_columns():
    heights, widths = zip(
        *(
            contact_sheet(Memory(), None, count=6, columns=columns, seed=0).shape[:2]
            for columns in (1, 2, 3)
        ),
        strict=True,
    )
    assert widths[0] < widths[1] < widths[2]
    assert heights[0] > heights[1] > heights[2]


def test_the_sheet_depends_on_its_seed_alone():
    first, again, other = (
        contact_sheet(Memory(6), flips(), count=4, columns=2, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pictures_of_unequal_sizes_and_long_names_fit():
    class Unequal(Memory):
        def __getitem__(self, index):
            self.size = (20 + 30 * index, 900 - 400 * index)
            sample = super().__getitem__(index)
            return Sample("folder/" * 40 + str(index), sample.image, sample.label)

    sheet = contact_sheet(Unequal(), None, count=3, columns=2, seed=0)
    assert sheet.shape[1] < 800


def test_the_page_shows_what_training_sees(page):
    pairs = page.all("img")
    assert len(pairs) == 10
    order = np.random.default_rng(3).permutation(3)
    training = KeyedDataset(Memory(), augmentation=flips(), seed=3)
    for position in range(5):
        item = training[SampleKey(position // 3, int(order[position % 3]))]
        picture, label = (decoded(each["src"]) for each in pairs[2 * position : 2 * position + 2])
        assert np.array_equal(np.asarray(label), item["label"])
        assert label.convert("RGB").getpixel((0, 0)) == tuple(LABELS.colorize(item["label"])[0, 0])
        shown = np.asarray(picture).astype(int)
        assert np.abs(shown - item["image"]).max() <= 3


def test_the_page_needs_nothing_else(page):
    assert {tag for tag, _ in page.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "header", "label", "input"),
        *("ul", "li", "i", "main", "figure", "div", "img", "figcaption", "b", "small", "script"),
    }
    assert len(page.all("script")) == 1
    assert not [attributes for _, attributes in page.tags if "href" in attributes]
    assert all(attributes["src"].startswith("data:") for attributes in page.all("img"))
    assert not [attributes for attributes in page.all("script") if attributes]


def test_names_are_text(page):
    assert NAME in page.text
    assert "<i>car & 'van'</i>" in page.text
    assert page.all("img")[0]["alt"].startswith(NAME)


def test_the_page_tells_sizes_classes_and_epochs(page):
    assert "Memory, split train" in page.text
    assert "16 x 12, from 32 x 24" in page.text
    assert page.text.count("epoch 1") == 2
    assert "background: #c80000" in {attributes["style"] for attributes in page.all("i")}
    assert len([each for each in page.all("input") if each["type"] == "range"]) == 6


def test_large_pictures_are_reduced(tmp_path):
    write_page(tmp_path / "page.html", Memory(1, (1000, 2048)), None, count=1, seed=0)
    picture, label = (decoded(each["src"]) for each in Page(tmp_path / "page.html").all("img"))
    assert picture.size == label.size == (1024, 500)
    assert set(np.unique(np.asarray(label))) <= {0, 1, 255}


@pytest.mark.parametrize("choices", [{"count": 0, "columns": 1}, {"count": 1, "columns": 0}])
def test_impossible_choices_are_refused(choices):
    with pytest.raises(ConfigError, match="must be 1 or more"):
        contact_sheet(Memory(), None, **choices, seed=0)
