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
from drover.ports.rows import StoredRows

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
        "\ta\nb",
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
    ),
    min_size=1,
)


@UNHURRIED
@given(VALUES)
def test_yaml_holds_whatever_json_can_say(value):
    text = yaml_text.dumps(value)

    found = yaml_text.loads(text.encode())

    assert repr(found) == repr(value)


LIKE_EACH_OTHER = st.fixed_dictionaries(
    {
        "id": st.just("a1" * 12),
        "name": TEXTS | st.sampled_from(["Pump", "yes", "null", "True", '": x\\']),
        "number": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        "tags": st.lists(st.fixed_dictionaries({"key": TEXTS}), max_size=2),
        "note": st.sampled_from(["a: b\nc: d\n", "x", "<value 0>", '"<value 1>"']),
        "texts": st.lists(TEXTS, max_size=1),
    }
)
LINES = st.sampled_from(
    r"""
- a: b|  c: 1|  d: -0|  d: 1.50|  x: yes|  q: "z: y"|  l: >|    m: n|   more|...|---|- - e: f|  g:
    - h: null|# no|- {a: b|  c: d}||  y: 'z'|  ? k: v|- &a b: c|  e: b #c|  r: "\ud83d"|    <<: x|- a
""".replace("\n", "|").split("|")
)


@UNHURRIED
@given(st.lists(LIKE_EACH_OTHER, min_size=12))
def test_a_long_list_is_read_as_it_was_written(values):
    assert repr(yaml_text.loads(yaml_text.items(values).encode())) == repr(values)


def read_or_refused(read, text):
    try:
        return repr(read(text.encode()))
    except Invalid:
        return "refused"


@settings(UNHURRIED, max_examples=300)
@given(st.lists(LINES | st.text(alphabet='ab :-|"\\u0d1 ', max_size=12), max_size=8))
def test_a_long_list_is_read_as_the_parser_reads_it_or_refused_as_it_does(lines):
    odd = "".join(f"{line}\n" for line in lines)
    text = "- a: b\n  c: 1\n" * 6 + odd + "- a: b\n  c: d\n" * 6

    assert read_or_refused(yaml_text.loads, text) == read_or_refused(yaml_text.parsed, text)


def test_a_list_of_more_forms_than_one_looks_at_is_read_all_the_same():
    values = [{f"key{place}": place} for place in range(300)]

    assert yaml_text.loads(yaml_text.items(values).encode()) == values


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
    stored = StoredRows(msgspec.json.encode(rows).decode(), len(rows), (0, ""))
    text = rows_text.head(COLUMNS) + rows_text.lines(COLUMNS, stored)

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
