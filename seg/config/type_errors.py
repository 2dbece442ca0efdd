"""What a value should have been, in words of the command line."""

from pydantic_core import ErrorDetails

_LIST = "give a list, as [A,B]"
_REASONS = {
    **dict.fromkeys(("sequence_str", "tuple_type", "list_type", "set_type"), _LIST),
    "dict_type": "give a mapping, as {a: b}",
    "string_type": "give a word or a text",
    "bool_parsing": "give true or false",
    "int_parsing": "give a whole number",
    "int_from_float": "give a whole number",
    "float_parsing": "give a number",
}


def reason(detail: ErrorDetails) -> str:
    """Why a value is not taken; where pydantic's words fit, those."""
    if detail["type"] == "is_instance_of" and detail["ctx"]["class"] == "Sequence":
        return _LIST
    message = detail["msg"].removeprefix("Value error, ")
    return _REASONS.get(detail["type"], message[:1].lower() + message[1:])
