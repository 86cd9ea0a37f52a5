"""Which addresses a credential is for, and how a request signs in."""

import pytest

from drover.app.http_credentials import signed_in, whole_url
from drover.ports.web import WebFailure, WebRequest


def signed(pattern, url, method="header"):
    config = {"uri_match": pattern, "auth_method": method}
    given = {**config, "public_value": "name", "secret_value": "se&cret"}
    return signed_in(given, WebRequest(method="GET", url=url))


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://API.example.com/a?b=c#d"),
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://api.example.com/v1", "https://api.example.com/v1/things"),
        ("https://*.example.com/v1/*", "https://eu.example.com/v1/things"),
        ("http://api.example.com:8080/*", "http://api.example.com:8080/x"),
    ],
)
def test_an_address_below_the_pattern_is_meant(pattern, url):
    request = signed(pattern, url)

    assert request.headers == (("name", "se&cret"),)
    assert request.follows is False


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("https://api.example.com", "http://api.example.com"),
        ("https://api.example.com", "https://api.example.com.evil.com"),
        ("https://api.example.com", "https://api.example.com@evil.com"),
        ("https://api.example.com", "https://evil.com/api.example.com"),
        ("https://api.example.com", "https://api.example.com:444"),
        ("https://*.example.com", "https://evil.com/x.example.com"),
        ("https://*.example.com", "https://evil.com\\x.example.com"),
        ("https://*.example.com", "https://u@x.example.com"),
        ("https://api.example.com/v1", "https://api.example.com/v10"),
        ("https://api.example.com/v1/*", "https://api.example.com/v1/../admin"),
        ("https://api.example.com/v1/*", "https://api.example.com/v1/%2e%2e/admin"),
        ("https://api.example.com", "https:///x"),
    ],
)
def test_any_other_address_is_not(pattern, url):
    with pytest.raises(WebFailure, match="does not match"):
        signed(pattern, url)


def test_each_method_puts_the_two_halves_where_they_belong():
    url = "https://api.example.com/x?a=1"

    by_query = signed(url[:23], url, "queryParam")
    by_password = signed(url[:23], url, "basicAuth")
    by_certificate = signed(url[:23], url, "clientCertificate")

    assert by_query.url == "https://api.example.com/x?a=1&name=se%26cret"
    assert by_password.basic == ("name", "se&cret")
    assert by_certificate.certificate == ("se&cret", "name")


@pytest.mark.parametrize(
    ("base", "url", "whole"),
    [
        ("https://a.b/v1", "things", "https://a.b/v1/things"),
        ("https://a.b/v1/*", "/things?x=1", "https://a.b/v1/things?x=1"),
        ("https://a.b/v1", "https://c.d/x", "https://c.d/x"),
        ("https://a.b/v1", "//c.d/x", "https://a.b/v1/c.d/x"),
    ],
)
def test_the_rest_of_a_url_is_completed_by_the_base(base, url, whole):
    assert whole_url({"uri_match": base}, url) == whole
