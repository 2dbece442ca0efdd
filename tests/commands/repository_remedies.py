"""Where the remedies of exports and model repositories are typed; see `untyped_remedies.py`."""

_TESTS = "deployment/test_repositories.py::"

BESIDE = {
    "give size=[{},{}]": "deployment/test_other_sizes.py"
    "::test_a_pooling_that_is_bound_to_the_traced_size_is_refused",
    "repository={} format={}: allowed: {}": f"{_TESTS}test_formats_that_a_server_lacks_are_refused",
    "repository={} format={}: takes no": f"{_TESTS}test_types_that_a_backend_lacks_are_refused",
    "give another model_name=NAME": f"{_TESTS}test_versions_are_added_and_never_changed",
    "such as model_name=segmentation": f"{_TESTS}test_names_are_parts_of_addresses",
    "mend it, or give another output=": f"{_TESTS}test_what_others_wrote_is_refused",
}
