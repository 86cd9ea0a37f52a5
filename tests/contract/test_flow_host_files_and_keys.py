"""Files, access keys, certificates and keys of credentials, asked for by running workflows."""

import msgspec
import pytest

from drover.kinds.credential import KIND as CREDENTIAL
from drover.ports.web import WebFailure, WebResponse
from tests.contract.flow_host_world import World

WRITE = {
    "directory": "",
    "contentType": "",
    "contents": "",
    "url": "",
    "encoding": "utf8",
    "overwrites": False,
    "private": False,
}
READ = {"encoding": "utf8", "private": False, "asUrl": False}


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def test_a_file_is_written_and_read(world):
    made = await world.result(
        "file.create", **{**WRITE, "name": "a.txt", "contentType": "text/plain"}
    )

    assert made["status"] == "completed"
    assert made["fileId"] == made["id"]
    got = await world.result("file.get", path="a.txt", **READ)
    assert got["value"] == ""
    assert got["metadata"]["url"] == made["url"]


async def test_content_keeps_its_bytes_in_any_encoding(world):
    write = {**WRITE, "directory": "/x/y/", "name": "b"}
    await world.result("file.create", **{**write, "contents": "Z3LDvMOfZQ==", "encoding": "base64"})

    for encoding, text in (("utf8", "grüße"), ("hex", "6772c3bcc39f65"), ("nonsense", "grüße")):
        got = await world.result("file.get", path="/x//y/b", **{**READ, "encoding": encoding})
        assert got["value"] == text
    assert (await world.error("file.create", **{**write, "name": "c", "encoding": "zip"}))[0] == (
        "FILE_CREATE_ERROR"
    )
    bad = {**write, "name": "c", "encoding": "hex", "contents": "xyz"}
    assert (await world.error("file.create", **bad))[0] == "FILE_CREATE_ERROR"


async def test_a_file_is_written_over_only_where_that_is_asked(world):
    write = {**WRITE, "name": "a.txt", "contents": "one"}
    first = await world.result("file.create", **write)

    refused = await world.error("file.create", **{**write, "contents": "two"})
    assert refused[0] == "FILE_CREATE_ERROR"
    assert (await world.result("file.get", path="a.txt", **READ))["value"] == "one"
    over = {**write, "contents": "three", "overwrites": True, "contentType": "text/html"}
    again = await world.result("file.create", **over)

    assert again["id"] == first["id"]
    got = await world.result("file.get", path="a.txt", **READ)
    assert (got["value"], got["metadata"]["contentType"]) == ("three", "text/html")


@pytest.mark.parametrize("name", ["..", "a/b", "", "x\\y"])
async def test_a_name_that_leads_elsewhere_is_refused(world, name):
    assert (await world.error("file.create", **{**WRITE, "name": name}))[0] == "FILE_CREATE_ERROR"


async def test_directories_are_no_files(world):
    await world.result("file.create", **{**WRITE, "name": "a", "directory": "/d"})

    over = {**WRITE, "name": "d", "overwrites": True}
    assert (await world.error("file.create", **over))[0] == "FILE_CREATE_ERROR"
    for path in ("/d", "/nothing", "", "../a"):
        assert await world.error("file.get", path=path, **READ) == (
            "NotFound",
            "File was not found",
        )


async def test_private_files_are_kept_apart_and_fetched_by_signed_addresses(world):
    private = {"private": True}
    await world.result("file.create", **{**WRITE, "name": "s", "contents": "x", **private})

    assert (await world.error("file.get", path="s", **READ))[0] == "NotFound"
    got = await world.result("file.get", path="s", urlSeconds=60, **{**READ, **private, "asUrl": 1})
    assert "signature=" in got["value"]


async def test_files_of_another_application_are_not_there(world):
    await world.result("file.create", **{**WRITE, "name": "a", "contents": "x"})

    world.application = await world.make(
        world.server.catalog.kinds["application"], {"name": "Other"}, ""
    )

    assert (await world.error("file.get", path="a", **READ))[0] == "NotFound"


async def test_content_may_come_from_an_address_as_the_server_may_reach_it(world):
    fetch = {**WRITE, "name": "a", "url": "http://example.com/a"}
    world.web.answer = WebFailure("Refused", "The address is private")
    assert await world.error("file.create", **fetch) == (
        "FILE_CREATE_ERROR",
        "The address is private",
    )
    world.web.answer = WebResponse(status=404, headers={}, body=b"no", url="", duration_ms=1)
    assert (await world.error("file.create", **fetch))[1] == "The address answered 404"
    world.web.answer = WebResponse(status=200, headers={}, body=b"yes", url="", duration_ms=1)
    await world.result("file.create", **fetch)

    assert (await world.result("file.get", path="a", **READ))["value"] == "yes"
    assert world.web.requests[-1].url == "http://example.com/a"


async def test_an_access_key_is_made_and_a_bad_one_is_not(world):
    made = await world.result("key.create", body={"name": "n", "filterType": "none"})

    assert made["applicationKeyId"] == made["id"]
    assert (await world.error("key.create", body={"filterType": "x"}))[0] == "Validation"


async def test_certificates_are_made_by_an_authority_and_registered(world):
    authority = await world.result(
        "certificate.issue", **wish(name="Works", is_authority=True, organization="Works")
    )
    by = {"ca_certificate": authority["certificate"], "ca_key": authority["privateKey"]}
    made = await world.result("certificate.issue", **wish(name="pump-7", **by))

    kept = await world.result("certificate.register", body={"certificate": made["certificate"]})

    info = kept["certificateInfo"]
    assert (info["commonName"], info["issuerName"]) == ("pump-7", "Works")
    assert "certificate" not in kept
    bad = await world.error("certificate.register", body={"certificate": "x" * 60})
    assert bad[0] == "Validation"


def wish(**more):
    fields = {"name": "x", "organization": "", "key_type": "ec", "days": 1, "is_authority": False}
    return {**fields, "ca_certificate": "", "ca_key": "", **more}


@pytest.mark.parametrize(
    "more",
    [
        {"key_type": "dsa"},
        {"days": 0},
        {"name": "n" * 65},
        {"ca_key": "x", "ca_certificate": "y"},
    ],
)
async def test_certificates_that_cannot_be_are_not_made(world, more):
    assert (await world.error("certificate.issue", **wish(**more)))[0] == "Validation"


async def test_an_authority_signs_with_its_own_key_alone(world):
    one = await world.result("certificate.issue", **wish(is_authority=True))
    other = await world.result("certificate.issue", **wish(is_authority=True))

    by = {"ca_certificate": one["certificate"], "ca_key": other["privateKey"]}
    told = await world.error("certificate.issue", **wish(**by))

    assert told == ("Validation", "The key is not that of the authority's certificate")


async def test_keys_of_credentials_are_for_signing_ones_alone(world):
    jwt = {"algorithm": "HS512", "secret": "s3cret", "issuer": "us"}
    await world.make(CREDENTIAL, {"name": "signer", "type": "jwt", "jwtConfig": jwt})
    gcp = {"keyJson": msgspec.json.encode({"private_key": "PEM"}).decode()}
    await world.make(CREDENTIAL, {"name": "cloud", "type": "gcp", "gcpConfig": gcp})
    empty = {"keyJson": "{}"}
    await world.make(CREDENTIAL, {"name": "empty", "type": "gcp", "gcpConfig": empty})
    key = {"apiKey": "a-key"}
    await world.make(CREDENTIAL, {"name": "mail", "type": "sendgrid", "sendgridConfig": key})
    off = {"name": "off", "type": "jwt", "enabled": False, "jwtConfig": jwt}
    await world.make(CREDENTIAL, off)

    assert await world.result("credential.key", name="signer") == jwt
    assert await world.result("credential.key", name="cloud") == {
        "secret": "PEM",
        "algorithm": "RS256",
    }
    assert (await world.error("credential.key", name="empty"))[0] == "Validation"
    for name in ("mail", "off", "nothing"):
        assert (await world.error("credential.key", name=name))[0] == "NotFound"
