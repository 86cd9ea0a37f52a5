"""Forms of parts are read in time that grows with their size alone, and refused where broken."""

from __future__ import annotations

import pytest

from drover.app.incoming import Incoming, data_of
from drover.app.multipart import LONGEST_HEADER, BrokenForm, all_parts, named_parts, parts
from drover.faces.operation import Call
from drover.faces.tmm._given import given_by
from drover.faces.tmm._refusals import BadParam
from drover.model.access import Caller
from drover.model.errors import Invalid

KIND = "Multipart/Form-Data; boundary=B"
NOBODY = Caller(type="system", id="0" * 24, scopes=frozenset())


def form(*some: tuple[str, str], end: str = "--B--\r\n") -> bytes:
    lines = [
        f"--B\r\nContent-Disposition: form-data{head}\r\n\r\n{text}\r\n" for head, text in some
    ]
    return "".join((*lines, end)).encode()


LONG = form(("; name=a" + ";b=c" * 50_000, "x"))
"""The library of e-mails takes hours for this."""


def test_parts_have_names_file_names_types_and_come_in_their_order():
    body = form(
        ("; name=a", "1"),
        ('; name="f"; filename="lök.png"\r\nContent-Type: Image/PNG; q=1', "2"),
        ("; name=a", "3"),
        ("", "nameless"),
    )

    assert [tuple(each) for each in all_parts(KIND, body)] == [
        ("a", "", "text/plain", b"1"),
        ("f", "lök.png", "image/png", b"2"),
        ("a", "", "text/plain", b"3"),
        ("", "", "text/plain", b"nameless"),
    ]


@pytest.mark.parametrize("body", [form(("; name=a", "1"), ("; name=a", "2")), form(("", "1"))])
def test_where_names_tell_parts_apart_each_has_one_of_its_own(body):
    with pytest.raises(Invalid, match="a name of its own"):
        named_parts(KIND, body)


def test_no_more_parts_are_read_than_may_be():
    body = form(*[("; name=a", "1")] * 3)

    assert len(all_parts(KIND, body, 3)) == 3
    with pytest.raises(Invalid, match="may have 2 parts"):
        all_parts(KIND, body, 2)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain; boundary=B", form(("; name=a", "1"))),
        ("multipart/form-data", form(("; name=a", "1"))),
        (KIND, b"no form"),
        (KIND, form(("; name=a", "1"), end="")),
        (KIND, form((f"; name={'a' * LONGEST_HEADER}", "1"))),
        (KIND, LONG),
    ],
)
def test_what_is_no_whole_form_is_refused(kind, body):
    with pytest.raises(BrokenForm):
        parts(kind, body)


def test_a_workflow_is_given_the_text_of_a_form_that_cannot_be_read():
    incoming = Incoming(method="post", path="/", headers={"content-type": KIND}, body=LONG)

    assert data_of(incoming)["body"] == LONG.decode()


def test_a_call_of_task_jobs_with_such_a_form_is_refused():
    call = Call(NOBODY, {}, {}, LONG, {"content-type": KIND})

    with pytest.raises(BadParam):
        given_by(call)
