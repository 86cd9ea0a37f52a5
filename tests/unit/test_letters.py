"""E-mails as workflows see them: whatever is in them, reading them ends and has bounds."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.app import letters
from drover.app.letters import (
    LONGEST_PARAMETERS,
    MOST_ADDRESSES,
    MOST_KEYS,
    MOST_MULTIPARTS,
    letter_in,
)
from drover.model.errors import Invalid

KEYS = {"subject", "from", "to", "cc", "messageId", "text", "html", "attachments"}


def letter(to="works@example.com", **headers):
    message = EmailMessage()
    message["From"] = "Ada Lovelace <ada@example.com>"
    message["To"] = to
    message["Subject"] = "Pümp 7"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("It leaks.")
    return message


def test_an_email_is_taken_apart():
    message = letter(Cc="bob@example.com", Message_ID="<m1@example.com>")
    message.add_alternative("<b>It leaks.</b>", subtype="html")
    message.add_attachment(b"\x00\x01", maintype="image", subtype="png", filename="lök.png")

    data, keys = letter_in(message.as_bytes())

    assert keys == ["default"]
    assert (data["subject"], data["messageId"]) == ("Pümp 7", "<m1@example.com>")
    assert data["from"] == {"name": "Ada Lovelace", "address": "ada@example.com"}
    assert [each["address"] for each in (*data["to"], *data["cc"])] == [
        "works@example.com",
        "bob@example.com",
    ]
    assert (data["text"].strip(), data["html"].strip()) == ("It leaks.", "<b>It leaks.</b>")
    (image,) = data["attachments"]
    assert (image["fileName"], image["contentType"], image["size"]) == ("lök.png", "image/png", 2)
    assert base64.b64decode(image["contents"]) == b"\x00\x01"


@pytest.mark.parametrize(
    ("to", "more", "keys"),
    [
        ("works+pumps@example.com", {}, ["pumps"]),
        ("a+x@e.com, b+y@e.com, c+x@e.com", {}, ["x", "y"]),
        ("list@e.com", {"Delivered_To": "works+hidden@e.com"}, ["hidden"]),
        (", ".join(f"a+{n}@e.com" for n in range(50)), {}, [str(n) for n in range(MOST_KEYS)]),
    ],
)
def test_the_subaddresses_of_its_recipients_say_whom_it_is_for(to, more, keys):
    assert letter_in(letter(to, **more).as_bytes())[1] == keys


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_whatever_comes_is_taken_apart(body):
    data, keys = letter_in(body)

    assert data.keys() == KEYS
    assert keys


@pytest.mark.parametrize(
    "body",
    [
        b"Subject: =?no-such?b?4pyT?=\nContent-Type: text/plain; charset=no-such\n\nhi \xff",
        b"Subject: =?utf-8?b?x?=\nContent-Type: text/plain\n\nhi",
        b"Content-Type: message/rfc822\n\nSubject: inner\n\nhi",
        b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!!!",
        b"Content-Type: multipart/mixed\n\nno boundary",
    ],
)
def test_what_is_not_as_it_should_be_does_no_harm(body):
    assert letter_in(body)[0].keys() == KEYS


def test_a_message_of_very_many_parts_has_bounds():
    parts = b"--b\nContent-Type: text/plain\n\nx\n" * 2000

    data, _ = letter_in(b"Content-Type: multipart/mixed; boundary=b\n\n" + parts + b"--b--\n")

    assert len(data["attachments"]) == MOST_ADDRESSES - 1


def test_parts_within_parts_without_end_are_refused():
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)
    )

    with pytest.raises(Invalid):
        letter_in(head + b"\nx")


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "hex", "no\x00name"])
def test_only_character_sets_are_read_as_such(charset):
    """Some codecs take minutes for what is long, and others fail whatever is wanted of them."""
    head = f"Subject: =?{charset}?q?a-9b?=\nContent-Type: text/plain; charset={charset}\n\n"

    data, _ = letter_in(head.encode() + b"a-9b")

    assert (data["subject"], data["text"]) == (f"=?{charset}?q?a-9b?=", "a-9b")


@pytest.mark.parametrize("header", ["Content-Type: text/plain", "Content-Disposition: attachment"])
def test_what_a_part_is_may_not_be_told_at_length(header):
    body = f"{header}; filename*=punycode''{'a' * 3000}\n\nhi".encode()

    with pytest.raises(Invalid, match="is too long"):
        letter_in(body)


class NeverRead:
    def parsebytes(self, body):
        raise AssertionError("the e-mail is read")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["content-TYPE: multipart/mixed", "Content-Disposition:\n b"])
@pytest.mark.parametrize("before", ["", "Subject: x\n", "Content-Type: a/b; a=b\n\n\n"])
@pytest.mark.parametrize("fold", ["", "\n ", "\n\t"])
def test_long_parameters_are_refused_before_anything_is_read(
    monkeypatch, newline, start, before, fold
):
    monkeypatch.setattr(letters, "BytesParser", NeverRead)
    body = f'{before}{start}; a="{f"{fold};" * LONGEST_PARAMETERS}\n\nhi'

    with pytest.raises(Invalid, match="is too long"):
        letter_in(body.replace("\n", newline).encode())


def within_one_another(levels):
    heads = (f"Content-Type: Multipart/Mixed; boundary=b{n}\n\n--b{n}\n" for n in range(levels))
    return "".join(heads).encode() + b"\nx"


def test_too_many_parts_that_have_parts_are_refused_before_anything_is_read(monkeypatch):
    assert letter_in(within_one_another(MOST_MULTIPARTS))[0].keys() == KEYS
    monkeypatch.setattr(letters, "BytesParser", NeverRead)

    with pytest.raises(Invalid, match="parts that have parts"):
        letter_in(within_one_another(MOST_MULTIPARTS + 1))


@pytest.mark.parametrize("header", ["To", "From", "Cc"])
def test_addresses_within_one_another_without_end_are_refused(header):
    with pytest.raises(Invalid, match="cannot be read"):
        letter_in(f"{header}: {'(' * 9000}\n\nhi".encode())
