"""What the kinds without tables of their own keep, show and refuse."""

from __future__ import annotations

import json

import pytest
from msgspec import UNSET

from drover.kinds.application_certificate import KIND as CERTIFICATE
from drover.kinds.application_certificate_authority import KIND as AUTHORITY
from drover.kinds.credential import KIND as CREDENTIAL
from drover.kinds.credential import lacks_secret, revealed
from drover.kinds.dashboard import KIND as DASHBOARD
from drover.kinds.device_recipe import KIND as RECIPE
from drover.kinds.experience_domain import KIND as DOMAIN
from drover.kinds.experience_slug import KIND as SLUG
from drover.kinds.experience_version import KIND as VERSION
from drover.kinds.experience_view import KIND as VIEW
from drover.kinds.integration import KIND as INTEGRATION
from drover.kinds.notebook import KIND as NOTEBOOK
from drover.model import certificate as certificates
from drover.model.bodies import convert
from drover.model.errors import Invalid
from drover.model.kind import Stamp
from tests.support.certificates import certificate

STAMP = Stamp("a" * 24, "b" * 24, 1_700_000_000_123, "c" * 24, "user")
PAIR = certificate("one") + certificate("")


def create(kind, **body):
    return kind.create(json.dumps(body).encode(), STAMP)


def patch(kind, current, **body):
    return kind.patch(current, json.dumps(body).encode(), STAMP)


SECRETS = [
    ("aws", {"accessKeyId": "A" * 16, "region": "eu"}, {"secretAccessKey": "hush"}),
    ("azure", {"account": "a"}, {"accountKey": "hush"}),
    ("http", {"uriMatch": "https://*", "authMethod": "header"}, {"secretValue": "hush"}),
    ("sendgrid", {}, {"apiKey": "hush"}),
    ("twilio", {"accountSid": "hush", "apiKeySid": "sids"}, {"apiKeySecret": "hush!"}),
    ("loggly", {}, {"customerToken": "hush"}),
    ("jwt", {"algorithm": "HS256"}, {"secret": "hush"}),
    ("whatsapp", {"fromNumberId": "1"}, {"accessToken": "hush"}),
    ("sql", {"system": "pg", "host": "h", "username": "u"}, {"password": "hush"}),
    ("mongodb", {}, {"connectionUri": "hush"}),
    ("mailgun", {}, {"apiKey": "hush"}),
    ("snowflake", {"host": "h", "username": "u"}, {"privateKey": "hush"}),
    ("git", {"type": "http-password", "cloneUrl": "https://x"}, {"secretValue": "hush"}),
    ("datadog", {"site": "s"}, {"secretValue": "hush"}),
]


@pytest.mark.parametrize(("kind", "public", "secret"), SECRETS, ids=[each[0] for each in SECRETS])
def test_the_secret_half_of_each_type_of_credential_is_kept_apart(kind, public, secret):
    made = create(CREDENTIAL, name="c", type=kind, **{f"{kind}Config": {**public, **secret}})

    (hushed,) = secret.values()
    assert json.loads(CREDENTIAL.shown(made))[f"{kind}Config"] == public
    assert hushed in (CREDENTIAL.apart(made) or "")
    assert hushed in revealed(made).values()
    assert CREDENTIAL.load(CREDENTIAL.shown(made), CREDENTIAL.apart(made)) == made
    if kind != "git":
        with pytest.raises(Invalid, match=f"{kind}Config.{next(iter(secret))}"):
            create(CREDENTIAL, name="c", type=kind, **{f"{kind}Config": public})


def test_a_google_key_shows_all_but_its_private_parts():
    key = {"client_email": "a@b", "private_key": "hush", "private_key_id": "hush"}
    made = create(CREDENTIAL, name="g", type="gcp", gcpConfig={"keyJson": json.dumps(key)})

    assert json.loads(made.gcp_config.key_meta_json) == {"client_email": "a@b"}
    assert b"hush" not in CREDENTIAL.shown(made)
    for bad in ("[]", "{", "1"):
        with pytest.raises(Invalid, match="JSON object"):
            create(CREDENTIAL, name="g", type="gcp", gcpConfig={"keyJson": bad})


def test_a_credential_of_a_certificate_tells_what_that_says():
    made = create(
        CREDENTIAL,
        name="c",
        type="certificateKeyPair",
        certificateKeyPairConfig={"certificate": certificate("pump"), "privateKey": "hush"},
    )

    shown = json.loads(CREDENTIAL.shown(made))["certificateKeyPairConfig"]
    assert (shown["info"]["commonName"], shown["info"]["serialNumber"]) == ("pump", "1267")
    assert shown.keys() == {"certificate", "info"}
    assert revealed(made)["private_key"] == "hush"
    for config, told in (
        ({"certificate": "x", "privateKey": "k"}, "PEM"),
        ({"privateKey": "k"}, "certificateKeyPairConfig.certificate"),
        ({"certificate": certificate()}, "certificateKeyPairConfig.privateKey"),
    ):
        with pytest.raises(Invalid, match=told):
            create(
                CREDENTIAL,
                name="c",
                type="certificateKeyPair",
                certificateKeyPairConfig=config,
            )


def test_a_patch_of_a_credential_changes_what_it_names_alone():
    sql = {"system": "pg", "host": "h", "username": "u", "password": "one", "port": 1}
    made = create(CREDENTIAL, name="s", type="sql", sqlConfig=sql)

    renamed = patch(CREDENTIAL, made, name="t")
    moved = patch(CREDENTIAL, renamed, sqlConfig={"host": "i", "password": "two", "port": None})

    assert renamed.sql_config is made.sql_config
    assert (moved.sql_config.host, moved.sql_config.port) == ("i", 1)
    assert revealed(moved)["password"] == "two"
    assert moved.sql_config.password is UNSET


def test_a_git_credential_needs_no_secret_of_its_caller():
    config = {"type": "ssh-key", "cloneUrl": "git@x"}

    assert create(CREDENTIAL, name="g", type="git", gitConfig=config).secrets == {}


@pytest.mark.parametrize(("kind", "public", "secret"), SECRETS)
def test_a_bundle_brings_a_credential_without_its_secret(kind, public, secret):
    config = f"{kind}Config"
    given = convert({"name": "N", "type": kind, config: public}, CREDENTIAL.bundled_type)

    made = CREDENTIAL.create(given, STAMP)
    again = patch(CREDENTIAL, made, description="Told")
    filled = patch(CREDENTIAL, again, **{config: secret})

    assert lacks_secret(made) is lacks_secret(again) is (kind != "git")
    assert not lacks_secret(filled)
    assert revealed(filled).items() >= revealed(made).items()


def test_a_credential_of_a_bundle_needs_all_else():
    for config in ({}, {"sendgridConfig": {}}, {"awsConfig": {"region": "eu"}}):
        given = convert({"name": "N", "type": "aws", **config}, CREDENTIAL.bundled_type)
        with pytest.raises(Invalid):
            CREDENTIAL.create(given, STAMP)


def test_bundles_hold_some_of_what_callers_never_set_or_see():
    assert VERSION.bundled_apart == ("snapshot",)
    assert NOTEBOOK.bundled_apart == ()
    assert "jupyterFileName" in NOTEBOOK.bundled_names
    assert "secrets" not in CREDENTIAL.bundled_names


def test_a_credential_or_integration_has_the_configuration_of_its_own_type():
    with pytest.raises(Invalid, match="has no `awsConfig`"):
        create(CREDENTIAL, name="c", type="loggly", awsConfig={})
    with pytest.raises(Invalid, match="logglyConfig"):
        create(CREDENTIAL, name="c", type="loggly")
    with pytest.raises(Invalid, match="has no `sqsConfig`"):
        create(INTEGRATION, name="i", integrationType="mqtt", sqsConfig={"queueUrl": "u"})
    sqs = create(INTEGRATION, name="i", integrationType="sqs", sqsConfig={"queueUrl": "u"})
    assert sqs.sqs_config.queue_url == "u"


def test_a_dashboards_password_comes_and_goes():
    made = create(DASHBOARD, name="d", password="hash")

    assert made.is_password_protected
    assert patch(DASHBOARD, made, name="e").is_password_protected
    for gone in (None, ""):
        assert not patch(DASHBOARD, made, password=gone).is_password_protected


def test_the_values_to_choose_of_a_dashboard_have_names_of_their_own():
    value = {"name": "n", "type": "number", "defaultValue": 1}

    assert create(DASHBOARD, name="d", contextConfiguration=[value]).context_configuration
    with pytest.raises(Invalid, match="contextConfiguration"):
        create(DASHBOARD, name="d", contextConfiguration=[value, value])
    with pytest.raises(Invalid, match="type"):
        create(DASHBOARD, name="d", contextConfiguration=[{**value, "type": "moon"}])


def test_only_a_page_has_a_layout():
    assert create(VIEW, name="v", viewType="page", layoutId="d" * 24).layout_id
    with pytest.raises(Invalid, match="layout has no layout"):
        create(VIEW, name="v", viewType="layout", layoutId="d" * 24)


def test_what_a_version_answers_with_can_be_sent():
    made = create(VERSION, version="v", responseHeaders={"X-A": "b"}, notFoundReply=None)

    assert made.response_headers == {"X-A": "b"}
    assert patch(VERSION, made, notFoundReply=None).not_found_reply is UNSET
    for bad in ({"a": "b\r\nc: d"}, {"a\n": "b"}, {"é": "b"}):
        with pytest.raises(Invalid, match="header"):
            create(VERSION, version="v", responseHeaders=bad)
    with pytest.raises(Invalid, match="JSON"):
        create(VERSION, version="v", globals=[{"key": "k", "json": "{"}])


@pytest.mark.parametrize("domain", ["a..b/c", "-a.b", "a b", "a\n", "ä.de", "a:1"])
def test_a_domain_is_a_name_and_is_kept_in_lower_case(domain):
    assert create(DOMAIN, domainName="A.Example.COM").domain_name == "a.example.com"
    with pytest.raises(Invalid, match="domainName"):
        create(DOMAIN, domainName=domain)


@pytest.mark.parametrize("slug", ["AB1", "ab", "a b c", "x" * 64])
def test_a_slug_fits_into_an_address(slug):
    with pytest.raises(Invalid, match="slug"):
        create(SLUG, slug=slug)


def test_what_certificates_say_follows_them():
    made = create(AUTHORITY, name="a", caBundle=PAIR)
    own = create(CERTIFICATE, certificate=certificate("pump"))

    assert [each.common_name for each in made.ca_info] == ["one", ""]
    assert patch(AUTHORITY, made, name="b").ca_info is made.ca_info
    renewed = patch(AUTHORITY, made, caBundle=certificate("two"))
    assert [each.common_name for each in renewed.ca_info] == ["two"]
    assert own.common_name == "pump"
    assert own.certificate_info.serial_number == f"{4711:x}"
    assert patch(CERTIFICATE, own, status="inactive").certificate_info is own.certificate_info
    changed = patch(CERTIFICATE, own, certificate=certificate("valve"))
    assert changed.common_name == "valve"
    with pytest.raises(Invalid, match="caBundle"):
        create(AUTHORITY, name="a", caBundle="x" * 50)
    with pytest.raises(Invalid, match="one certificate"):
        create(CERTIFICATE, certificate=PAIR)


def test_a_certificate_that_was_read_without_its_text_has_a_name_all_the_same():
    made = create(CERTIFICATE, certificate=certificate("pump"))
    bare = CERTIFICATE.load(CERTIFICATE.shown(made))

    assert patch(CERTIFICATE, bare, status="active").common_name == "pump"


def test_a_bundle_of_too_many_certificates_is_refused(monkeypatch):
    monkeypatch.setattr(certificates, "MOST_CERTIFICATES", 1)

    with pytest.raises(Invalid, match="At most 1"):
        create(AUTHORITY, name="a", caBundle=PAIR)


def test_the_attributes_of_a_recipe_have_names_of_their_own():
    one = {"name": "t", "dataType": "number"}

    assert len(create(RECIPE, name="r", attributes=[one]).attributes) == 1
    with pytest.raises(Invalid, match="attributes"):
        create(RECIPE, name="r", attributes=[one, one])


@pytest.mark.parametrize("name", ["a.csv", "..a", "{{x}}.csv", "{{a}}/../b"])
def test_a_notebooks_file_is_a_name_or_a_template(name):
    url = {"inputType": "externalUrl", "fileName": name, "sourceUrl": "https://x"}

    (made,) = create(NOTEBOOK, name="n", inputs=[url]).inputs

    assert made.file_name == name


@pytest.mark.parametrize(
    "given",
    [
        {"inputType": "externalUrl", "fileName": "..", "sourceUrl": "u"},
        {"inputType": "externalUrl", "fileName": "a/b", "sourceUrl": "u"},
        {"inputType": "externalUrl", "fileName": "a"},
        {"inputType": "moon", "fileName": "a"},
        {"inputType": "dataTable", "fileName": "a", "dataTableId": "short"},
        {"inputType": "eventData", "fileName": "a", "format": "xml"},
    ],
)
def test_a_notebooks_input_of_another_shape_is_refused(given):
    with pytest.raises(Invalid, match="inputs"):
        create(NOTEBOOK, name="n", inputs=[given])


def test_lists_alone_may_be_open_to_the_command_line():
    assert "all.User.cli" in SLUG.scopes("get", collection=True)
    assert "all.User.cli" not in SLUG.scopes("get")
