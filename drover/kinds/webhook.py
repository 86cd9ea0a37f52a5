"""A URL that starts workflows when something outside calls it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from drover.model.fields import Name, Prose, ReadOnly
from drover.model.kind import Kind
from drover.model.resource import Resource

Credential = Annotated[str, Meta(max_length=255)]


class Webhook(Resource, frozen=True, kw_only=True):
    """A URL that starts workflows when something outside calls it."""

    name: Name
    description: Prose | UnsetType = UNSET
    response_code: Annotated[int, Meta(ge=100, le=599)] | UnsetType = UNSET
    verification_type: Literal["facebook", "fitbit", "none", "twilio", "alexa"] | UnsetType = UNSET
    verification_code: Prose | UnsetType = UNSET
    wait_for_reply: bool = False
    basic_auth_username: Credential | UnsetType = UNSET
    basic_auth_password: Credential | UnsetType = UNSET
    is_websocket: bool = False
    cast_buffers_as: Literal["array", "binary", "utf8", "base64", "hex"] | UnsetType = UNSET
    annotate_multipart: bool = False
    enabled: bool = True
    token: ReadOnly[str | UnsetType] = UNSET


KIND = Kind(
    Webhook,
    one="webhook",
    many="webhooks",
    path="webhooks",
    exported_as="Webhook",
    bundled_in="webhooks.yaml",
    counted_as="webhookCount",
)
