"""A connection of an application to a service that sends it messages."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from drover.model.errors import Invalid
from drover.model.fields import Clearable, CreateOnly, Name
from drover.model.kind import Kind
from drover.model.resource import Resource

_Short = Annotated[str, Meta(min_length=1, max_length=255)]
_Host = Annotated[str, Meta(min_length=1, max_length=256)]
_Text = Annotated[str, Meta(min_length=1, max_length=1024)]
_Pem = Annotated[str, Meta(min_length=4, max_length=32767)]


class _Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a service needs to know."""


class EventHub(_Config, frozen=True, kw_only=True):
    """An Azure event hub."""

    hub_name: _Host | UnsetType = UNSET
    host_name: _Host | UnsetType = UNSET
    consumer_group: _Host | UnsetType = UNSET
    connection_string: _Text | UnsetType = UNSET


class PubSub(_Config, frozen=True, kw_only=True):
    """A project of Google Pub/Sub."""

    project_id: _Short | UnsetType = UNSET
    key_json: _Pem | UnsetType = UNSET


class Mqtt(_Config, frozen=True, kw_only=True):
    """A broker elsewhere."""

    protocol: Literal["mqtt", "mqtts", "ws", "wss"]
    host: _Text
    port: Annotated[int, Meta(ge=1, le=65_535)]
    client_id: _Text | UnsetType = UNSET
    username: _Text | UnsetType = UNSET
    password: _Text | UnsetType = UNSET
    clean: bool | UnsetType = UNSET
    private_key: _Pem | UnsetType = UNSET
    certificate: _Pem | UnsetType = UNSET
    ca_certificate: _Pem | UnsetType = UNSET
    disable_ssl_verification: bool | UnsetType = field(name="disableSSLVerification", default=UNSET)
    protocol_version: Literal["3.1.1", "5"] | UnsetType = UNSET


class Particle(_Config, frozen=True, kw_only=True):
    """An account of Particle."""

    access_token: _Text
    product_slug_or_id: _Text | UnsetType = UNSET
    org_slug_or_id: _Text | UnsetType = UNSET
    device_name_or_id: _Text | UnsetType = UNSET


class Sqs(_Config, frozen=True, kw_only=True):
    """A queue of Amazon SQS."""

    queue_url: _Text
    access_key_id: _Text | UnsetType = UNSET
    secret_access_key: _Text | UnsetType = UNSET
    region: _Text | UnsetType = UNSET


class Header(_Config, frozen=True, kw_only=True):
    """A header of the request that opens a web socket."""

    header_key: _Text
    header_value: _Text


class WebSocket(_Config, frozen=True, kw_only=True):
    """A web socket elsewhere."""

    url: _Text
    disable_ssl_verification: bool | UnsetType = field(name="disableSSLVerification", default=UNSET)
    username: _Text | UnsetType = UNSET
    password: _Text | UnsetType = UNSET
    private_key: _Pem | UnsetType = UNSET
    certificate: _Pem | UnsetType = UNSET
    ca_certificate: _Pem | UnsetType = UNSET
    headers: Annotated[tuple[Header, ...], Meta(max_length=50)] | UnsetType = UNSET


class Integration(Resource, frozen=True, kw_only=True):
    """A connection to a service; the configuration that belongs to its type is the one in use."""

    name: Name
    integration_type: CreateOnly[
        Literal["azureEventHub", "googlePubSub", "mqtt", "particle", "sqs", "websocket"]
    ]
    enabled: bool = True
    credential_name: Clearable[Name | UnsetType] = UNSET
    topics: Annotated[tuple[_Text, ...], Meta(max_length=1000)] = ()
    azure_event_hub_config: EventHub | UnsetType = UNSET
    google_pub_sub_config: PubSub | UnsetType = UNSET
    mqtt_config: Mqtt | UnsetType = UNSET
    particle_config: Particle | UnsetType = UNSET
    sqs_config: Sqs | UnsetType = UNSET
    websocket_config: WebSocket | UnsetType = UNSET


CONFIGS: Final = {
    "azureEventHub": "azure_event_hub_config",
    "googlePubSub": "google_pub_sub_config",
    "mqtt": "mqtt_config",
    "particle": "particle_config",
    "sqs": "sqs_config",
    "websocket": "websocket_config",
}
"""The attribute that configures each type."""


def check(integration: Integration) -> None:
    """Raise Invalid where an integration has the configuration of another type."""
    for kind, name in CONFIGS.items():
        if kind != integration.integration_type and getattr(integration, name) is not UNSET:
            wire = KIND.wire_names[name]
            message = f"An integration of type {integration.integration_type} has no `{wire}`"
            raise Invalid(message, field=wire)


KIND = Kind(
    Integration,
    one="integration",
    many="integrations",
    path="integrations",
    sortable=("name", "id", "creationDate", "integrationType", "lastUpdated"),
    filterable=("name", "integrationType"),
    exported_as="Integration",
    bundled_in="integrations/{name}.yaml",
    counted_as="integrationCount",
    check=check,
)
