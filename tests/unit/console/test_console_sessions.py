"""Cookies, tokens of forms, and where signing in may lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.faces.console._forms import MOST_FIELDS, fields_of
from drover.faces.console._refusals import own_address
from drover.faces.console._session import SESSION, check_form, cookie, form_token, kept
from drover.model.errors import Forbidden, Invalid

TOKEN = form_token("a session")


def test_a_cookie_is_found_among_others():
    headers = {"cookie": f"a=1; {SESSION}=drover_s_x=y ; {SESSION}=second; b"}

    assert cookie(headers, SESSION, secure=False) == "drover_s_x=y"
    assert cookie(headers, "absent", secure=False) == cookie({}, SESSION, secure=False) == ""


def test_over_tls_a_cookie_counts_that_no_other_host_can_have_set():
    headers = {"cookie": f"{SESSION}=of somebody else; __Host-{SESSION}=own"}

    assert cookie(headers, SESSION, secure=True) == "own"
    assert cookie({"cookie": f"{SESSION}=x"}, SESSION, secure=True) == ""
    assert cookie({"cookie": f"__Host-{SESSION}=x"}, SESSION, secure=False) == ""


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "same-origin"}])
def test_a_form_with_the_token_of_its_cookie_is_taken(headers):
    check_form(headers, "a session", TOKEN)


@pytest.mark.parametrize(
    ("headers", "value", "given_token"),
    [
        ({}, "a session", ""),
        ({}, "a session", TOKEN[:-1]),
        ({}, "a session", "ü"),
        ({}, "another", TOKEN),
        ({}, "", form_token("")),
        ({"sec-fetch-site": "cross-site"}, "a session", TOKEN),
        ({"sec-fetch-site": "same-site"}, "a session", TOKEN),
    ],
)
def test_any_other_form_is_refused(headers, value, given_token):
    with pytest.raises(Forbidden):
        check_form(headers, value, given_token)


def test_a_cookie_goes_over_tls_alone_where_the_server_is_reached_so():
    plain, safe = (kept("n", "v", secure=secure, seconds=5) for secure in (False, True))

    assert plain == "n=v; Path=/console; Max-Age=5; HttpOnly; SameSite=Strict"
    assert safe == "__Host-n=v; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure"


@pytest.mark.parametrize("text", ["/console", "/console/jobs?query=a%20b&x=1", "/console?a=1"])
def test_addresses_of_the_console_are_led_to(text):
    assert own_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/consolex",
        "//evil.example/console/",
        "/console//evil.example",
        "/console/\\evil.example",
        "https://evil.example/console/",
        "/console/\r\nSet-Cookie: x=1",
        "/console/ü",
        "/console/" + "x" * 3000,
    ],
)
def test_no_other_address_is_led_to(text):
    assert own_address(text) == ""


@given(st.text(max_size=100))
def test_no_text_leads_out_of_the_console(text):
    assert own_address(text) in ("", text)
    assert own_address("/" + text) == "" or ("/" + text).startswith("/console")


def test_fields_are_read_with_their_line_ends_made_one():
    assert fields_of(b"a=1&b=x%0D%0Ay&c=&a=2&d=%C3%BC") == {
        "a": "2",
        "b": "x\ny",
        "c": "",
        "d": "ü",
    }


@pytest.mark.parametrize("body", [b"a=%ff", b"\xff", b"a=%00", b"a=1&" * (MOST_FIELDS + 1)])
def test_forms_that_cannot_be_read_are_invalid(body):
    with pytest.raises(Invalid):
        fields_of(body)


@given(st.binary(max_size=300))
def test_no_body_does_more_than_be_invalid(body):
    try:
        found = fields_of(body)
    except Invalid:
        return
    assert all("\0" not in value for value in found.values())
