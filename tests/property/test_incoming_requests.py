"""Whatever somebody outside sends is a payload or refused, never a fault."""

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from drover.app.incoming import Incoming, cookie_text, cookies_of, data_of
from drover.model.errors import Invalid

KINDS = (
    "",
    "application/json",
    "application/problem+json; charset=latin-1",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=B",
    "multipart/form-data; boundary=\xff",
    "multipart/form-data; boundary=",
    "text/plain",
    "image/png",
)
PIECES = (
    b"--B",
    b"--B--",
    b"\r\n",
    b"\n",
    b"=",
    b"&",
    b";",
    b"a",
    b"\xff",
    b"\0",
    b"{",
    b'"',
    b"[",
)
HEAD = b'Content-Disposition: form-data; name="a"; filename="\xfc"'


@given(
    st.sampled_from(KINDS),
    st.lists(st.sampled_from((*PIECES, HEAD)), max_size=30).map(b"".join),
    st.sampled_from(("array", "binary", "utf8", "base64", "hex")),
    st.booleans(),
)
def test_any_body_of_any_kind_becomes_a_payload(kind, body, cast, annotated):
    headers = {"content-type": kind, "cookie": body.decode("latin-1")}
    incoming = Incoming(method="POST", path="/x", headers=headers, query=body, body=body)

    try:
        data = data_of(incoming, cast=cast, annotated=annotated)
    except Invalid:
        return

    assert msgspec.json.decode(msgspec.json.encode(data))["method"] == "post"
    assert "cookie" not in data["headers"]
    assert all(cookies_of(headers))


@given(st.text(alphabet=st.characters(codec="utf-8")))
@example("100%")
@example("%41")
@example('"quoted"')
def test_a_cookie_comes_back_as_it_was_set(value):
    text = cookie_text(value)

    assert text.isascii()
    assert not set(text) & set(' ",;\\\r\n')
    assert cookies_of({"cookie": f"a=1; b={text}; c="}) == {"a": "1", "b": value, "c": ""}


def test_cookies_of_others_are_read_as_they_are_meant():
    header = 'a="in quotes"; b=100%; c=%ff; a=second; ;=x; d; e=%7B%22k%22%3A1%7D'

    assert cookies_of({"cookie": header}) == {
        "a": "in quotes",
        "b": "100%",
        "c": "%ff",
        "d": "",
        "e": '{"k":1}',
    }


def test_parts_of_a_form_tell_their_kind_where_that_is_asked():
    body = (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="x.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n--B--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=B"}
    incoming = Incoming(method="POST", path="/", headers=headers, body=body)

    data = data_of(incoming, cast="array", annotated=True)

    assert data["body"] == {
        "a": {"value": "one", "contentType": "text/plain"},
        "f": {"value": [0, 255], "contentType": "application/octet-stream", "filename": "x.bin"},
    }
