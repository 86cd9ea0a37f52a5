"""Crypto: Sign and Verify, and certificates that workflows read."""

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from drover.app.certificates import CertificateWish, issued
from tests.support.flow_world import FakeHost, error, error_of, output_of, result_of


def pem(private):
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def public_pem(private):
    return (
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def signed(private, **config):
    asked = {"dataTemplate": "{{data}}", "keyTemplate": pem(private), "resultPath": "w", **config}
    return result_of("CryptoSignNode", asked, "a text")["w"]


def verified(key, signature, text="a text", **config):
    asked = {
        "dataTemplate": "{{data}}",
        "keyTemplate": key,
        "signatureTemplate": signature,
        **config,
    }
    return output_of("CryptoVerifyNode", asked, text)


@pytest.mark.parametrize("private", [RSA, CURVE], ids=["rsa", "curve"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"algorithmTemplate": "sha-384"},
        {"signatureEncodingTemplate": "hex"},
        {"paddingTemplate": "RSA_PKCS1_PSS_PADDING"},
        {"dsaEncodingTemplate": "ieee-p1363"},
    ],
    ids=str,
)
def test_what_is_signed_can_be_verified_and_nothing_else(private, config):
    signature = signed(private, **config)["signature"]

    assert verified(public_pem(private), signature, **config) == 1
    assert verified(pem(private), signature, **config) == 1
    assert verified(public_pem(private), signature, "another text", **config) == 0
    assert verified(public_pem(OTHER), signature, **config) == 0


@pytest.mark.parametrize("salt", [0, 20, padding.PSS.DIGEST_LENGTH, padding.PSS.MAX_LENGTH])
def test_a_salted_signature_of_another_program_is_valid_whatever_the_salt(salt):
    way = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    theirs = RSA.sign(b"a text", way, hashes.SHA256()).hex()
    config = {"paddingTemplate": "RSA_PKCS1_PSS_PADDING", "signatureEncodingTemplate": "hex"}

    assert verified(public_pem(RSA), theirs, **config) == 1
    assert verified(public_pem(RSA), theirs, text="another", **config) == 0


def test_signatures_may_be_bytes_as_text():
    signature = signed(CURVE, signatureEncodingTemplate="latin1")["signature"]
    config = {"signatureEncodingTemplate": "latin1", "signatureTemplate": "{{{data.s}}}"}
    asked = {"dataTemplate": "{{data.t}}", "keyTemplate": public_pem(CURVE), **config}

    assert output_of("CryptoVerifyNode", asked, {"t": "a text", "s": signature}) == 1


@pytest.mark.parametrize("signature", ["nonsense!", "AAAA", "ß"])
def test_what_is_no_signature_is_not_valid(signature):
    for encoding in ("hex", "base64", "latin1"):
        for dsa in ("der", "ieee-p1363"):
            config = {"signatureEncodingTemplate": encoding, "dsaEncodingTemplate": dsa}
            assert verified(public_pem(CURVE), signature, **config) == 0


@pytest.mark.parametrize(
    "config",
    [
        {"keyTemplate": "nonsense"},
        {"keyTemplate": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
        {"keyTemplate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
        {"keyTemplate": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"},
        {"keyTemplate": "-----BEGIN PRIVATE KEY-----" + "A" * 9000},
        {"algorithmTemplate": "CRC32"},
        {"paddingTemplate": "none"},
        {"dsaEncodingTemplate": "none"},
        {"signatureEncodingTemplate": "none"},
        {"keyTemplate": pem(ed25519.Ed25519PrivateKey.generate())},
    ],
)
def test_what_cannot_be_signed_is_told_and_never_valid(config):
    told = signed(CURVE, **config)
    asked = {
        "dataTemplate": "x",
        "signatureTemplate": "AAAA",
        "resultPath": "w",
        "keyTemplate": public_pem(CURVE),
        **config,
    }

    assert told["error"]["type"] == "Validation"
    assert result_of("CryptoVerifyNode", asked)["w"]["error"]["type"] == "Validation"
    assert output_of("CryptoVerifyNode", asked) == 0


def test_keys_may_be_on_the_payload_or_in_a_credential():
    by_path = {"keyTemplateType": "path", "keyTemplate": "data.key", "dataTemplate": "x"}
    host = FakeHost()
    host.answers["credential.key"] = lambda _request: {"result": {"secret": pem(CURVE)}}
    named = {"credentialNameTemplate": "{{data.name}}", "dataTemplate": "x", "resultPath": "w"}

    told = result_of("CryptoSignNode", {**by_path, "resultPath": "w"}, {"key": pem(CURVE)})["w"]
    kept = result_of("CryptoSignNode", named, {"name": "c"}, host)["w"]

    assert host.requests == [{"name": "c"}]
    for each in (told, kept):
        assert verified(public_pem(CURVE), each["signature"], "x", dataTemplate="x") == 1
    host.answers["credential.key"] = lambda _request: error("NotFound", "none")
    assert error_of("CryptoSignNode", named, {"name": "c"}, host)["name"] == "NotFound"


def test_a_certificate_verifies_and_says_what_it_is():
    made = issued(CertificateWish(name="pump-7", organization="Works", key_type="rsa", days=2))
    asked = {"dataTemplate": "x", "keyTemplate": made["privateKey"], "resultPath": "w"}
    signature = result_of("CryptoSignNode", asked)["w"]["signature"]

    assert verified(made["certificate"], signature, "x", dataTemplate="x") == 1
    read = {"certificateTemplate": "{{{data}}}", "resultPath": "w"}
    shown = result_of("CertificateReadNode", read, made["certificate"])["w"]
    assert (shown["commonName"], shown["issuerName"]) == ("pump-7", "pump-7")
    assert "$date" in shown["notValidAfter"]
    assert shown["chain"] == []
    by_path = {"certificateTemplateType": "path", "certificateTemplate": "data", "resultPath": "w"}
    assert result_of("CertificateReadNode", by_path, made["certificate"])["w"] == shown


@pytest.mark.parametrize("text", ["nonsense", ""])
def test_reading_what_is_no_certificate_throws(text):
    config = {"certificateTemplateType": "path", "certificateTemplate": "data", "resultPath": "w"}

    assert error_of("CertificateReadNode", config, text)["name"] == "Validation"
