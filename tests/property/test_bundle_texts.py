"""YAML and CSV of bundles: what was written is read as the same, whatever it was."""

from __future__ import annotations

import io

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drover.app.transfer import rows_text, yaml_text
from drover.app.transfer.references import renamed
from drover.kinds.data_table import Column
from drover.model.errors import Invalid

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
AWKWARD = st.sampled_from(
    [
        "a\nb",
        "a\n\n b\n",
        "x\n\n",
        "\nb",
        "a\n ",
        "no",
        "12:30",
        "<<",
        "=",
        "- a",
        "a: b",
        "#c",
        " lead",
        "trail ",
        "a\tb\nc\t",
        "\x85\n",
        "\r\n a",
        "1e5",
        "0x1f",
        "2026-01-01",
        "~",
        "\U0001da8c",
        "k" * 1200,
    ]
)
TEXTS = AWKWARD | st.text() | st.text(alphabet="ab 0\n-:#").map(lambda text: text * 9)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
COLUMNS = (
    Column(name="text", data_type="string", constraint="optional"),
    Column(name="number", data_type="number", constraint="optional"),
    Column(name="yes", data_type="boolean", constraint="optional"),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | st.text().filter(lambda text: "\0" not in text),
            "number": st.none() | NUMBERS,
            "yes": st.none() | st.booleans(),
        }
    )
)


@UNHURRIED
@given(VALUES)
def test_yaml_holds_whatever_json_can_say(value):
    text = yaml_text.dumps(value)

    found = yaml_text.loads(text.encode())

    assert repr(found) == repr(value)


@UNHURRIED
@given(st.dictionaries(TEXTS, TEXTS))
def test_other_readers_of_yaml_see_the_same_texts(value):
    assert yaml.safe_load(yaml_text.dumps(value)) == value


@UNHURRIED
@given(st.lists(VALUES))
def test_a_list_written_item_by_item_is_one_document(values):
    assert repr(yaml_text.loads(yaml_text.items(values).encode())) == repr(values)


@UNHURRIED
@given(st.binary() | TEXTS.map(str.encode))
def test_whatever_is_read_is_a_value_or_is_refused(content):
    try:
        found = yaml_text.loads(content)
    except Invalid:
        return
    msgspec.json.encode(found)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "At most 100"),
        (b'{"a":' * 100_000, "At most 100"),
        (b"- " * 100_000 + b"a", "At most 100"),
        (b"a: &x 1\nb: *x", "Anchors"),
        (b"b: *x", "Anchors"),
        (b"a: &x [1]", "Anchors"),
        (b"a: !!python/object/apply:os.system [id]", "Tags"),
        (b"a: !!str 1", "Tags"),
        (b"a: 1\n---\nb: 2", "one document"),
        (b"? [1]\n: 2", "as keys"),
        (b"? {a: 1}\n: 2", "as keys"),
        (b"a: 1\na: 2", "twice"),
        (b"a: \x00", "not valid YAML"),
        (b"a: [", "not valid YAML"),
        (b"a: \xff\xff", "not valid YAML"),
    ],
)
def test_yaml_that_bundles_never_hold_is_refused(content, why):
    with pytest.raises(Invalid, match=why):
        yaml_text.loads(content)


def test_plain_words_are_read_by_the_newer_rules():
    text = b"a: no\nb: 12:30\nc: 2026-01-01\nd: 0o17\ne: 1e3\nf: -0.5\ng: ~\nh: 010\ni: true\nj:"

    assert yaml_text.loads(text) == {
        "a": "no",
        "b": "12:30",
        "c": "2026-01-01",
        "d": "0o17",
        "e": 1000.0,
        "f": -0.5,
        "g": None,
        "h": "010",
        "i": True,
        "j": None,
    }


@UNHURRIED
@given(ROWS)
def test_rows_are_the_same_when_read_again(rows):
    documents = [msgspec.json.encode(row).decode() for row in rows]
    text = rows_text.head(COLUMNS) + rows_text.lines(COLUMNS, documents)

    found = list(rows_text.rows(COLUMNS, io.StringIO(text, newline="")))

    names = [column.name for column in COLUMNS]
    assert repr(found) == repr([{name: row[name] for name in names} for row in rows])


@pytest.mark.parametrize(
    "text",
    [
        "nope\n1\n",
        "text,text\n",
        "text,number\na\n",
        "number\nx\n",
        "number\nNaN\n",
        "yes\nTrue\n",
        'text\n"a\n',
        'text\n"a"b\n',
        "text\n" + "x" * 300_000,
    ],
)
def test_rows_that_do_not_fit_their_table_are_refused(text):
    with pytest.raises(Invalid):
        list(rows_text.rows(COLUMNS, text.splitlines(keepends=True)))


@UNHURRIED
@given(st.text(alphabet="0123456789abcdefABCDEFxyz-/\n", max_size=80))
def test_only_whole_words_that_are_old_ids_are_renamed(text):
    old, new = "a1" * 12, "b2" * 12

    assert renamed(text, {old: new}) == text
    assert renamed(f"{text} {old}-x '{old.upper()}'", {old: new}) == f"{text} {new}-x '{new}'"
    assert renamed(f"{old}a", {old: new}) == f"{old}a"
