"""HTTP requests of running workflows, on each database."""

import pytest

from drover.ports.web import WebFailure, WebResponse
from tests.contract.flow_host_world import World


@pytest.fixture
async def world(database):
    return await World(database).prepare()


def request(**changes):
    base = {
        "method": "POST", "url": "http://u:p@host/x?y#z", "headers": [["Authorization", "secret"], ["X", "1"]],
        "timeoutMs": 1000, "encoding": "utf8", "verify": True, "redirects": False, "caCert": "",
    }  # fmt: skip
    return {**base, **changes}


async def test_http_requests_go_out_and_show_no_secrets(world):
    shown = await world.result(
        "http.request", **request(body="é", auth={"username": "u", "password": "p"})
    )

    assert shown["statusCode"] == 200
    assert shown["body"] == '{"ok":1}'
    assert shown["isText"] is True
    assert shown["request"] == {
        "uri": "http://host/x?y#z",
        "method": "POST",
        "headers": {"authorization": "[redacted]", "x": "1"},
    }
    sent = world.web.requests[0]
    assert (sent.body, sent.basic, sent.follows) == ("é".encode(), ("u", "p"), False)


@pytest.mark.parametrize(
    ("encoding", "body", "sent"),
    [("hex", "6869", b"hi"), ("base64", "aGk=", b"hi"), ("latin1", "é", b"\xe9")],
)
async def test_http_bodies_are_encoded_both_ways(world, encoding, body, sent):
    world.web.answer = WebResponse(status=200, headers={}, body=sent, url="u", duration_ms=1)

    shown = await world.result(
        "http.request", **request(body=body, bodyEncoding=encoding, encoding=encoding)
    )

    assert world.web.requests[0].body == sent
    assert shown["body"] == body
    assert shown["isText"] is False


async def test_http_failures_are_told_with_the_request(world):
    world.web.answer = WebFailure("Timeout", "slow")
    (answer,) = await world.ask("http.request", request())
    assert answer["error"] == {"type": "Timeout", "message": "slow"}
    assert answer["request"]["method"] == "POST"

    assert (await world.error("http.request", **request(url="file:///etc/passwd")))[0] == "Refused"
    assert (await world.error("http.request", **request(body="zz", bodyEncoding="hex")))[
        0
    ] == "Refused"
    assert (await world.error("http.request", **request(credential="c")))[0] == "Refused"


async def test_http_may_fetch_its_body(world):
    await world.result("http.request", **request(bodyUrl="http://other/"))

    assert [each.url for each in world.web.requests] == ["http://other/", "http://u:p@host/x?y#z"]
    assert world.web.requests[1].body == b'{"ok":1}'


async def test_http_signs_in_by_a_credential_that_is_meant_for_the_address(world):
    config = {"uriMatch": "https://host/api", "authMethod": "header"}
    secret = {"publicValue": "X-Key", "secretValue": "s3cret"}
    body = {"name": "key", "type": "http", "httpConfig": {**config, **secret}}
    await world.make(world.server.catalog.kinds["credential"], body)
    off = {**body, "name": "off", "enabled": False}
    await world.make(world.server.catalog.kinds["credential"], off)

    shown = await world.result(
        "http.request", **request(url="/things", credential="key", redirects=True)
    )

    sent = world.web.requests[0]
    assert (sent.url, sent.headers[-1], sent.follows) == (
        "https://host/api/things",
        ("X-Key", "s3cret"),
        False,
    )
    assert "s3cret" not in str(shown)
    for name, url in (("key", "https://evil/api"), ("off", "/x"), ("none", "/x")):
        told = await world.error("http.request", **request(url=url, credential=name))
        assert told[0] == "Refused"
    assert len(world.web.requests) == 1
