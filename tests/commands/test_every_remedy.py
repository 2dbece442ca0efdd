"""Each message of the package that offers something to type is typed by a test, or says why not.

A new message that offers a key with a value, a command or an extra fails here until a case of
`remedy_cases.py`, `tests/config/test_offered_words.py` or `test_allowed_values.py` types it.
"""

import re

from tests.commands import allowed_values, remedy_cases
from tests.commands.package_messages import HOLE, KEY, messages
from tests.commands.untyped_remedies import BESIDE, NO_OFFER, NOT_HERE
from tests.config import offered_word_cases
from tests.conftest import REPO
from tests.remedies import MOST_LINES, key_of

_SUBJECT = re.compile(r"^[\w./\0]+=[^\s:;,]*[:;,]?")
_COMMAND = re.compile(r"python -m seg\.|pip install|seg-xception\[|\badd -m\b|\bgive seg\.")
_ALLOWED = re.compile(r"^([a-z][\w.\0]*)=.*; allowed: ", re.DOTALL)


def offering():
    """Where each message that offers something to type stands -> its text."""
    for place, text in messages():
        rest = _SUBJECT.sub("", text)
        if KEY.search(rest) or _COMMAND.search(rest) or _ALLOWED.match(text):
            yield place, text


def is_allowed_value(text):
    """Whether `test_allowed_values.py` types a value of the key that a message begins with."""
    match = _ALLOWED.match(text)
    if match is None:
        return False
    parts = match[1].replace(".N.", ".1.").split(HOLE)
    key = re.compile(r"(?:\w+\.)?" + r"[\w.]+".join(map(re.escape, parts)))
    typed = [
        key_of(wrong)
        for table in allowed_values.TABLES.values()
        for wrongs in table.values()
        for wrong in wrongs
    ]
    return any(key.fullmatch(each) for each in typed)


def test_each_offer_is_typed_or_says_why_not():
    cases = {case.message for case in (*remedy_cases.CASES, *offered_word_cases.CASES)}
    known = {*cases, *BESIDE, *NOT_HERE, *NO_OFFER}
    unknown = [
        f"{place}: {text!r}"
        for place, text in offering()
        if not is_allowed_value(text)
        and not any(part.replace("{}", HOLE) in text for part in known)
    ]
    assert not unknown, "\n".join(unknown)


def test_each_entry_is_of_a_message():
    texts = [text for _, text in messages()]
    cases = {case.message for case in (*remedy_cases.CASES, *offered_word_cases.CASES)}
    gone = [
        part
        for part in {*cases, *BESIDE, *NOT_HERE, *NO_OFFER}
        if not any(part.replace("{}", HOLE) in text for text in texts)
    ]
    assert not gone
    assert not {*BESIDE} & {*NOT_HERE}


def test_each_test_that_types_a_remedy_beside_its_cause_is_there():
    for test in BESIDE.values():
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (REPO / "tests" / file).read_text(), re.M), test


def test_no_message_is_written_with_more_than_six_lines():
    tables = ("seg/data/datasets/", "seg/xception_paper/")  # names of classes, text of pages
    long = [place for place, text in messages() if text.strip().count("\n") >= MOST_LINES]
    assert not [place for place in long if not place.startswith(tables)]
