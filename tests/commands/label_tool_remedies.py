"""Where the remedies of label tools are typed; see `untyped_remedies.py`."""

_CONNECTED = "serving/test_label_studio.py::test_a_project_is_connected_and_predicted"

BESIDE = {
    "start the server with label_studio.url=": _CONNECTED,
    "give its access token: label_studio.token=": _CONNECTED,
    "create another one there: label_studio.token=": _CONNECTED,
}
NOT_HERE = {
    "this server does not train": "begins a training; tests of dataset=label_studio type its keys",
}
NO_OFFER = (
    "more than max_bytes={}",
    "no label of the project is a class of this network",
)
