"""Which pages of other sites may call an application's own interface."""

import pytest

from drover.app.experience_origins import allowed_origin, is_preflight, preflight_headers
from drover.kinds.experience_version import ExperienceVersion


def version(**more):
    return ExperienceVersion(
        id="1" * 24,
        application_id="2" * 24,
        creation_date="2026-01-02T03:04:05.678Z",
        last_updated="2026-01-02T03:04:05.678Z",
        version="v",
        **more,
    )


@pytest.mark.parametrize(
    ("listed", "origin", "allowed"),
    [
        ((), "https://a.example", "*"),
        (("*",), "https://a.example", "*"),
        (("https://A.example",), "https://a.example", "https://a.example"),
        (("https://a.example",), "https://b.example", ""),
        (("https://a.example",), "", ""),
        ((), "https://a.example\r\nx: y", ""),
    ],
)
def test_an_origin_is_allowed_where_the_version_says_so(listed, origin, allowed):
    says = version(endpoint_default_cors=True, allowed_cors_origins=listed)

    assert allowed_origin(says, {"origin": origin}) == allowed
    for silent in (None, version(), version(endpoint_default_cors=False)):
        assert allowed_origin(silent, {"origin": origin}) == ""


def test_a_preflight_tells_methods_and_headers_and_no_more():
    asks = {"origin": "https://a.example", "access-control-request-method": "PUT"}

    assert is_preflight("OPTIONS", asks)
    assert not is_preflight("GET", asks)
    assert not is_preflight("OPTIONS", {"origin": "https://a.example"})
    told = preflight_headers("*", ["put", "get", "get"], asks)
    assert told["access-control-allow-methods"] == "GET, PUT"
    assert told["access-control-allow-headers"] == "authorization"
    assert preflight_headers("", ["get"], asks) == {}
