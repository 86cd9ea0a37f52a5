"""JWT: Create, Decode and Verify."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.flow_world import FakeHost, error, error_of, output_of, result_of

SECRET = "a shared secret of the two"


def created(data='{"sub": "{{data.who}}"}', **config):
    asked = {"dataTemplate": data, "destinationPath": "w", "secretTemplate": SECRET, **config}
    return result_of("JWTCreateNode", asked, {"who": "me"})["w"]


def verified(token, secret=SECRET, **config):
    asked = {"tokenTemplate": "{{data.t}}", "secretTemplate": secret, **config}
    return output_of("JWTVerifyNode", asked, {"t": token})


def decoded(token, **config):
    asked = {"tokenTemplate": "{{data.t}}", "destinationPath": "w", **config}
    return result_of("JWTDecodeNode", asked, {"t": token})["w"]


def unsigned(header, claims):
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()) for each in (header, claims)]
    return ".".join(part.decode().rstrip("=") for part in parts) + "."


@pytest.fixture(scope="module")
def pair():
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode(), public.decode()


def test_a_token_says_what_it_was_made_of_and_can_be_verified():
    token = created(issuerTemplate="us", headerTemplate='{"kid": "1"}', algorithmTemplate="HS384")

    whole = decoded(token, complete=True)

    assert whole["header"] == {"alg": "HS384", "kid": "1", "typ": "JWT"}
    claims = whole["payload"]
    assert (claims["sub"], claims["iss"]) == ("me", "us")
    assert claims["exp"] - claims["iat"] == 86_400
    assert decoded(token) == claims
    assert verified(token, issuerTemplate="us") == 1
    assert verified(token, algorithmTemplate="HS384") == 1


def test_data_may_come_from_the_payload():
    token = created("data", dataTemplateType="path")

    assert decoded(token)["who"] == "me"


def test_keys_of_two_halves_sign_and_verify(pair):
    private, public = pair
    token = created(secretTemplate=f"{private}", algorithmTemplate="RS256")

    assert verified(token, public) == 1
    assert verified(token, "short") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "another"},
        {"issuerTemplate": "them"},
        {"algorithmTemplate": "HS512"},
        {"algorithmTemplate": "none"},
    ],
)
def test_a_token_that_does_not_fit_is_not_valid(change):
    assert verified(created(issuerTemplate="us"), **change) == 0


@pytest.mark.parametrize("claims", ['{"exp": 1}', '{"nbf": 9999999999}'])
def test_a_token_out_of_its_time_is_not_valid(claims):
    assert verified(created(claims)) == 0


@pytest.mark.parametrize("told", ['"soon"', "null", "[1]", "{}", '""', '"99999999999"', "true"])
@pytest.mark.parametrize("claim", ["exp", "nbf"])
def test_a_token_whose_time_cannot_be_read_is_not_valid(claim, told):
    assert verified(created(f'{{"{claim}": {told}}}')) == 0


def test_no_token_is_valid_unsigned_or_with_a_public_key_as_its_secret(pair):
    _, public = pair

    assert verified(unsigned({"alg": "none"}, {})) == 0
    assert verified(unsigned({"alg": "HS256"}, {}), public) == 0
    assert verified("a.b.c") == 0
    assert verified("nonsense") == 0
    told = result_of(
        "JWTVerifyNode",
        {"tokenTemplate": "x", "secretTemplate": "s", "errorPath": "w.e"},
    )
    assert told["w"]["e"] == {"message": "The text is not a token"}


def test_claims_of_a_valid_token_are_written():
    asked = {"tokenTemplate": created(), "secretTemplate": SECRET, "destinationPath": "w"}

    assert result_of("JWTVerifyNode", asked)["w"]["sub"] == "me"


@pytest.mark.parametrize(
    "config",
    [
        {"algorithmTemplate": "none"},
        {"secretTemplate": ""},
        {"algorithmTemplate": "RS256"},
        {"dataTemplate": "[1]"},
        {"dataTemplate": "data.none", "dataTemplateType": "path"},
    ],
)
def test_a_token_that_cannot_be_made_throws(config):
    asked = {"dataTemplate": "{}", "destinationPath": "w", "secretTemplate": SECRET, **config}

    assert error_of("JWTCreateNode", asked)["name"] == "Validation"


def test_a_text_that_is_no_token_throws_when_it_is_decoded():
    asked = {"tokenTemplate": "x.y", "destinationPath": "w"}

    assert error_of("JWTDecodeNode", asked)["name"] == "Validation"


def kept(**config):
    host = FakeHost()
    host.answers["credential.key"] = lambda _request: {"result": config}
    return host


def test_a_credential_signs_and_verifies_with_its_own_algorithm_and_issuer():
    host = kept(secret=SECRET, algorithm="HS512", issuer="us")
    named = {"credentialNameTemplate": "{{data.name}}", "destinationPath": "w"}
    data = {"name": "signer"}

    token = result_of("JWTCreateNode", {"dataTemplate": "{}", **named}, data, host)["w"]

    assert host.requests == [{"name": "signer"}]
    assert decoded(token, complete=True)["header"]["alg"] == "HS512"
    verify = {"tokenTemplate": token, "credentialNameTemplate": "signer"}
    assert output_of("JWTVerifyNode", verify, host=host) == 1
    for other in (kept(secret=SECRET, algorithm="HS256"), kept(secret="x", algorithm="HS512")):
        assert output_of("JWTVerifyNode", verify, host=other) == 0


@pytest.mark.parametrize("kind", ["JWTCreateNode", "JWTVerifyNode"])
def test_a_credential_that_is_not_there_throws(kind):
    config = {"dataTemplate": "{}", "tokenTemplate": "x", "destinationPath": "w"}
    host = FakeHost()
    host.answers["credential.key"] = lambda _request: error("NotFound", "no such credential")

    thrown = error_of(kind, {**config, "credentialNameTemplate": "c"}, host=host)

    assert thrown == {"name": "NotFound", "message": "no such credential"}
