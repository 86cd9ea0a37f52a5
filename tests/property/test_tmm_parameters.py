"""Parameters of the TMM-compatible dialect: any bytes are read or refused, and lists keep order."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.faces.operation import Call
from drover.faces.tmm._filters import wanted
from drover.faces.tmm._given import array_given, form, given_by
from drover.faces.tmm._refusals import BadParam, MissingParam
from drover.faces.tmm._wishes import log_lines, results, wanted_job
from drover.model.access import Caller
from drover.model.errors import DroverError

NOBODY = Caller(type="user", id="0" * 24, scopes=frozenset())
FORM = "application/x-www-form-urlencoded"
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def call(query=b"", body=b"", kind=FORM):
    return Call(NOBODY, {}, {}, body, {"content-type": kind}, sent_query=query)


@given(
    st.binary(max_size=200),
    st.binary(max_size=200),
    st.sampled_from([FORM, "application/json", "multipart/form-data; boundary=b", ""]),
)
def test_any_bytes_are_read_or_refused(query, body, kind):
    for read in (wanted_job, results, log_lines, wanted):
        try:
            read(given_by(call(query, body, kind)))
        except DroverError as refusal:
            assert refusal.message
    try:
        array_given(call(query, body, kind))
    except DroverError as refusal:
        assert refusal.message


@given(st.text(alphabet="ab=&%+ 20cC3A9;#[]", max_size=40))
def test_forms_are_read_as_the_standard_library_reads_them(text):
    assert form(text.encode(), "body") == parse_qsl(text, keep_blank_values=True, errors="replace")


@given(st.lists(plain_json, max_size=6))
def test_results_keep_their_order_and_values_in_every_spelling(values):
    texts = [json.dumps(value) for value in values]
    spelled = [
        call(urlencode([("result[]", text) for text in texts]).encode()),
        call(body=urlencode([("result", text) for text in texts]).encode()),
        call(
            body=urlencode(
                [(f"result[{n}]", t) for n, t in reversed(list(enumerate(texts)))]
            ).encode()
        ),
        call(body=json.dumps({"result": values}).encode(), kind="application/json"),
    ]
    for each in spelled:
        found = results(given_by(each))
        assert (json.loads(found) if found is not None else []) == values


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_query_beats_the_body_and_the_last_beats_the_first(first, second):
    query = urlencode([("name", first), ("name", second)]).encode()

    given = given_by(call(query, urlencode({"name": "body"}).encode()))

    assert given.raw("name") == second
    assert given.in_query == ["name"]


def test_names_that_are_no_list_are_one_value():
    given = given_by(call(b"labels[x]=1&labels[1]=b&labels[0]=a&labels=c,d"))

    assert given.words("labels") == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--b\r\nno form", "multipart/form-data"),
        (b"&".join(b"a=1" for _ in range(10_001)), FORM),
        (b"[1]", "application/json"),
        (b'{"labels": [1], "name": "a"}', "application/json"),
        (b'{"labels": {"a": 1}, "name": "a"}', "application/json"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(body, kind):
    asked = call(body=body, kind=kind)

    with pytest.raises(BadParam):
        [wanted_job(each) for each in array_given(asked) or [given_by(asked)]]


def test_null_and_absent_are_the_same():
    given = given_by(call(body=b'{"name": null, "q": true}', kind="application/json"))

    assert ("name" in given, given.flag("q")) == (False, True)
    with pytest.raises(MissingParam):
        given.needed("name")
