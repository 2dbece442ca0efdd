"""Where the remedies of `rank` are typed; see `untyped_remedies.py`."""

_TESTS = "prediction/test_ranking.py"
_ONE = f"{_TESTS}::test_one_network_in_one_pass_cannot_disagree"

BESIDE = {
    "or rank images: rank=entropy": f"{_TESTS}"
    "::test_the_most_uncertain_images_come_first_and_copies_last",
    "looks at one network, and ranking.others names more": _ONE,
    "compares several predictions of an image": _ONE,
    "and uncertainty needs probabilities": f"{_TESTS}::test_an_export_of_labels_alone_is_refused",
}
