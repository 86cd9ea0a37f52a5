"""What an application signs in to other services with; the secret half is never shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field, structs

from drover.model.certificate import CertificateInfo, read_certificates
from drover.model.errors import Invalid
from drover.model.fields import CreateOnly, Hidden, Name, Prose, ReadOnly
from drover.model.kind import Kind
from drover.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

_Word = Annotated[str, Meta(max_length=128)]
_Named = Annotated[str, Meta(min_length=1, max_length=128)]
_Secret = Annotated[str, Meta(min_length=4, max_length=128)]
_Host = Annotated[str, Meta(min_length=1, max_length=256)]
_Text = Annotated[str, Meta(min_length=1, max_length=1024)]
_Pem = Annotated[str, Meta(max_length=8196)]
_Key = Annotated[str, Meta(min_length=1, max_length=8192)]


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a service needs to know; the secret fields leave it before it is kept."""


class Aws(Config, frozen=True, kw_only=True):
    """An access key of Amazon Web Services."""

    access_key_id: Annotated[str, Meta(min_length=16, max_length=128)] | UnsetType = UNSET
    secret_access_key: _Secret | UnsetType = UNSET
    region: _Named | UnsetType = UNSET


class Azure(Config, frozen=True, kw_only=True):
    """An account key of Azure storage."""

    account: _Word | UnsetType = UNSET
    account_key: _Secret | UnsetType = UNSET


class Gcp(Config, frozen=True, kw_only=True):
    """A key of a Google service account; ``key_meta_json`` is what of it is no secret."""

    key_json: _Key | UnsetType = UNSET
    key_meta_json: _Key | UnsetType = UNSET


class Http(Config, frozen=True, kw_only=True):
    """How requests to addresses that match sign in."""

    uri_match: Annotated[str, Meta(min_length=8, max_length=1024)] | UnsetType = UNSET
    auth_method: Literal["header", "queryParam", "basicAuth", "clientCertificate"] | UnsetType = (
        UNSET
    )
    public_value: _Pem | UnsetType = UNSET
    secret_value: _Pem | UnsetType = UNSET


class ApiKey(Config, frozen=True, kw_only=True):
    """A key of SendGrid or Mailgun."""

    api_key: _Secret | UnsetType = UNSET


class Twilio(Config, frozen=True, kw_only=True):
    """A key of Twilio."""

    account_sid: _Secret | UnsetType = UNSET
    api_key_sid: _Secret | UnsetType = UNSET
    api_key_secret: _Secret | UnsetType = UNSET


class Loggly(Config, frozen=True, kw_only=True):
    """A token of Loggly."""

    customer_token: _Named | UnsetType = UNSET


class Jwt(Config, frozen=True, kw_only=True):
    """What signs and checks web tokens."""

    issuer: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    algorithm: (
        Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
        | UnsetType
    ) = UNSET
    secret: Annotated[str, Meta(min_length=1, max_length=4096)] | UnsetType = UNSET


class WhatsApp(Config, frozen=True, kw_only=True):
    """A sender of WhatsApp."""

    access_token: _Text | UnsetType = UNSET
    from_number_id: _Named | UnsetType = UNSET


class Sql(Config, frozen=True, kw_only=True):
    """A user of a database."""

    system: Literal["mssql", "mysql", "pg"] | UnsetType = UNSET
    host: _Host | UnsetType = UNSET
    port: Annotated[int, Meta(ge=1, le=65_535)] | UnsetType | None = UNSET
    username: _Host | UnsetType = UNSET
    password: _Host | UnsetType = UNSET
    secure_connection: bool | UnsetType = UNSET
    ca_certificate: _Pem | UnsetType = UNSET
    disable_ssl_verification: bool | UnsetType = field(name="disableSSLVerification", default=UNSET)


class MongoDb(Config, frozen=True, kw_only=True):
    """The address of a MongoDB, which holds its password."""

    connection_uri: Annotated[str, Meta(min_length=1, max_length=2048)] | UnsetType = UNSET


class Snowflake(Config, frozen=True, kw_only=True):
    """A user of Snowflake; the server makes the key where it is asked to."""

    host: _Named | UnsetType = UNSET
    username: _Named | UnsetType = UNSET
    private_key: _Pem | UnsetType = UNSET
    public_key: _Key | UnsetType = UNSET
    generate_private_key: bool | UnsetType = UNSET


class Git(Config, frozen=True, kw_only=True):
    """A repository; the server makes the key where it is asked to."""

    type: Literal["ssh-key", "http-password"] | UnsetType = UNSET
    clone_url: Annotated[str, Meta(min_length=5, max_length=1024)] | UnsetType = UNSET
    username: _Word | UnsetType = UNSET
    committer_name: _Word | UnsetType = UNSET
    committer_email: _Word | UnsetType = UNSET
    public_key: Annotated[str, Meta(max_length=8192)] | UnsetType = UNSET
    generate_private_key: bool | UnsetType = UNSET
    secret_value: _Pem | UnsetType = UNSET


class Datadog(Config, frozen=True, kw_only=True):
    """A key of Datadog."""

    site: _Named | UnsetType = UNSET
    secret_value: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET


class CertificateKeyPair(Config, frozen=True, kw_only=True):
    """A certificate and its key; ``info`` is what the certificate says of itself."""

    certificate: _Key | UnsetType = UNSET
    private_key: _Pem | UnsetType = UNSET
    info: CertificateInfo | UnsetType = UNSET


class Credential(Resource, frozen=True, kw_only=True):
    """What an application signs in with; the configuration of its type holds what is no secret."""

    name: Name
    type: CreateOnly[
        Literal[
            "aws",
            "azure",
            "gcp",
            "http",
            "sendgrid",
            "twilio",
            "loggly",
            "jwt",
            "whatsapp",
            "sql",
            "mongodb",
            "mailgun",
            "snowflake",
            "git",
            "datadog",
            "certificateKeyPair",
        ]
    ]
    description: Prose | UnsetType = UNSET
    enabled: bool = True
    aws_config: Aws | UnsetType = UNSET
    azure_config: Azure | UnsetType = UNSET
    gcp_config: Gcp | UnsetType = UNSET
    http_config: Http | UnsetType = UNSET
    sendgrid_config: ApiKey | UnsetType = UNSET
    twilio_config: Twilio | UnsetType = UNSET
    loggly_config: Loggly | UnsetType = UNSET
    jwt_config: Jwt | UnsetType = UNSET
    whatsapp_config: WhatsApp | UnsetType = UNSET
    sql_config: Sql | UnsetType = UNSET
    mongodb_config: MongoDb | UnsetType = UNSET
    mailgun_config: ApiKey | UnsetType = UNSET
    snowflake_config: Snowflake | UnsetType = UNSET
    git_config: Git | UnsetType = UNSET
    datadog_config: Datadog | UnsetType = UNSET
    certificate_key_pair_config: CertificateKeyPair | UnsetType = UNSET
    created_by_id: ReadOnly[str | UnsetType] = UNSET
    created_by_type: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_id: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_type: ReadOnly[str | UnsetType] = UNSET
    secrets: Hidden[dict[str, str] | UnsetType] = UNSET


@dataclass(frozen=True, slots=True)
class _Halves:
    """Which fields of a configuration are secret, and which must be there."""

    secret: tuple[str, ...]
    needed: tuple[str, ...] = ()


_HALVES: Final = {
    "aws": _Halves(("secret_access_key",), ("access_key_id", "region")),
    "azure": _Halves(("account_key",)),
    "gcp": _Halves(("key_json",)),
    "http": _Halves(("secret_value",), ("uri_match", "auth_method")),
    "sendgrid": _Halves(("api_key",)),
    "twilio": _Halves(("api_key_secret",), ("account_sid", "api_key_sid")),
    "loggly": _Halves(("customer_token",)),
    "jwt": _Halves(("secret",), ("algorithm",)),
    "whatsapp": _Halves(("access_token",), ("from_number_id",)),
    "sql": _Halves(("password",), ("system", "host", "username")),
    "mongodb": _Halves(("connection_uri",)),
    "mailgun": _Halves(("api_key",)),
    "snowflake": _Halves(("private_key",), ("host", "username")),
    "git": _Halves(("secret_value",), ("type", "clone_url")),
    "datadog": _Halves(("secret_value",)),
    "certificateKeyPair": _Halves(("private_key",), ("certificate",)),
}
_PAIR: Final = "certificate_key_pair"
_MAY_LACK_A_SECRET: Final = frozenset({"git"})
_PRIVATE: Final = frozenset({"private_key", "private_key_id"})


def settle(old: Credential | None, new: Credential) -> Credential:
    """Return the credential with its secrets apart; raises Invalid.

    A patch changes those fields of the configuration that it names.
    """
    return _settled(old, new, lenient=False)


def settle_bundled(old: Credential | None, new: Credential) -> Credential:
    """Return a credential that a bundle holds, which has no secrets; raises Invalid."""
    return _settled(old, new, lenient=True)


def lacks_secret(credential: Credential) -> bool:
    """Tell whether a credential, brought in by a bundle, waits for its secret to be filled in."""
    halves = _HALVES[credential.type]
    needed = () if credential.type in _MAY_LACK_A_SECRET else halves.secret
    return not set(needed) <= set(credential.secrets or {})


def _settled(old: Credential | None, new: Credential, *, lenient: bool) -> Credential:
    own = config_name(new.type)
    _refuse_others(new, own)
    given, kept = getattr(new, own), getattr(old, own, UNSET)
    if given is UNSET:
        raise _lacks(KIND.wire_names[own])
    if given is kept:
        return new
    fields = {**_set(kept), **_set(given)}
    secrets = {**((old and old.secrets) or {}), **_secret_half(new.type, fields)}
    _check_needed(new.type, type(given), {**fields, **secrets}, lenient=lenient)
    fields |= _read({**fields, **secrets})
    public = {name: value for name, value in fields.items() if name not in _hidden(new.type)}
    return structs.replace(new, **{own: type(given)(**public)}, secrets=secrets)


def _read(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is no secret of what is given as one text; raises Invalid."""
    if "key_json" in fields:
        return {"key_meta_json": _without_key(fields["key_json"])}
    if "certificate" in fields:
        at = "certificateKeyPairConfig.certificate"
        return {"info": read_certificates(fields["certificate"], at)[0]}
    return {}


def config_name(kind: str) -> str:
    """Return the attribute that configures a type of credential."""
    return f"{_PAIR if kind == 'certificateKeyPair' else kind}_config"


def revealed(credential: Credential) -> dict[str, Any]:
    """Return the whole configuration, secrets and all, by attribute: for those who sign in."""
    shown = _set(getattr(credential, config_name(credential.type)))
    return {**shown, **(credential.secrets or {})}


def _hidden(kind: str) -> frozenset[str]:
    return frozenset({*_HALVES[kind].secret, "generate_private_key"})


def _set(config: Any) -> dict[str, Any]:
    if config is UNSET:
        return {}
    found = {name: getattr(config, name) for name in config.__struct_fields__}
    return {name: value for name, value in found.items() if value not in (UNSET, None)}


def _secret_half(kind: str, fields: dict[str, Any]) -> dict[str, str]:
    return {name: fields[name] for name in _HALVES[kind].secret if name in fields}


def _refuse_others(new: Credential, own: str) -> None:
    for kind in _HALVES:
        name = config_name(kind)
        if name != own and getattr(new, name) is not UNSET:
            wire = KIND.wire_names[name]
            raise Invalid(f"A credential of type {new.type} has no `{wire}`", field=wire)


def _check_needed(kind: str, shape: type[Config], fields: dict[str, Any], *, lenient: bool) -> None:
    halves = _HALVES[kind]
    secret = () if lenient or kind in _MAY_LACK_A_SECRET else halves.secret
    wire = dict(zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True))
    for name in (*halves.needed, *secret):
        if name not in fields:
            raise _lacks(f"{KIND.wire_names[config_name(kind)]}.{wire[name]}")


def _lacks(field_name: str) -> Invalid:
    return Invalid(f"Object missing required field `{field_name}`", field=field_name)


def _without_key(key_json: str) -> str:
    try:
        key = msgspec.json.decode(key_json, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        message = "The key must be a JSON object at `gcpConfig.keyJson`"
        raise Invalid(message, field="gcpConfig.keyJson") from error
    return msgspec.json.encode({n: v for n, v in key.items() if n not in _PRIVATE}).decode()


KIND = Kind(
    Credential,
    one="credential",
    many="credentials",
    path="credentials",
    sortable=("name", "type", "creationDate", "lastUpdated"),
    filterable=("name", "type"),
    default_sort="creationDate",
    default_descending=True,
    exported_as="Credential",
    bundled_in="credentials/{name}.yaml",
    bundled_once=True,
    counted_as="credentialCount",
    settle=settle,
    settle_bundled=settle_bundled,
)
