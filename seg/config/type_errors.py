"""Messages for values of a wrong type, in words of the command line."""

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from seg.config.hints import no_such_key

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
_BOUNDS = {
    "greater_than_equal": "allowed: {ge:g} or more",
    "greater_than": "allowed: above {gt:g}",
    "less_than_equal": "allowed: up to {le:g}",
    "less_than": "allowed: below {lt:g}",
}


def reason(detail: ErrorDetails) -> str:
    """Return why a value is refused; pydantic's own message where it fits."""
    if detail["type"] == "is_instance_of" and detail["ctx"]["class"] == "Sequence":
        return _LIST
    if detail["type"] in _BOUNDS:
        return _BOUNDS[detail["type"]].format(**detail["ctx"])
    if detail["type"] == "literal_error":  # pydantic lists them as 'a', 'b' or 'c'
        options = str(detail["ctx"]["expected"]).replace("'", "")
        return f"allowed: {options.replace(' or ', ', ')}"
    message = detail["msg"].removeprefix("Value error, ")
    return _REASONS.get(detail["type"], message[:1].lower() + message[1:])


def describe(schema: type[BaseModel], detail: ErrorDetails) -> str:
    """Return the line of an error message for what a schema refuses."""
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        allowed = sorted(_fields(schema, detail["loc"][:-1]))
        return no_such_key(key, allowed, allowed)
    if detail["type"] == "missing":
        return f"{key}: missing; give {key}=..."
    if detail["type"] == "value_error":
        return f"{key}.{detail['msg'].removeprefix('Value error, ')}".removeprefix(".")
    return f"{key}={detail['input']!r}: {reason(detail)}"


def _fields(schema: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    for part in location:
        annotation = schema.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return set()
        schema = annotation
    return {field.alias or name for name, field in schema.model_fields.items()}
