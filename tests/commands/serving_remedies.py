"""Where the remedies of the server and its label tools are typed; see `untyped_remedies.py`."""

from tests.commands import label_tool_remedies

BESIDE = {
    **label_tool_remedies.BESIDE,
    "give another port, or port=0": "serving/conftest.py::serving",
    "ask for another output, such as output=png": "serving/test_kinds.py"
    "::test_an_export_of_labels_of_one_size_says_what_it_lacks",
    "other machines reach the server there, and it has no token": "serving/test_guards.py"
    "::test_other_machines_are_served_with_a_token_alone",
}
NOT_HERE = {**label_tool_remedies.NOT_HERE, "needs the extra `serve`": "installs a package"}
NO_OFFER = (*label_tool_remedies.NO_OFFER, "camera=(self)", "; charset=utf-8", "; boundary={}")
