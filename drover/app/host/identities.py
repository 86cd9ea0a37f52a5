"""What devices sign in with, made by running workflows: access keys and certificates."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.catalog import Catalog
from drover.app.certificates import CertificateWish, issued
from drover.kinds.application_certificate import KIND as CERTIFICATE
from drover.kinds.application_key import KIND as KEY


async def _make_key(asking: Asking, request: Request) -> dict[str, Any]:
    """Make an access key; its secret is in the answer alone."""
    return await _made(asking, request, KEY)


async def _register(asking: Asking, request: Request) -> dict[str, Any]:
    """Let devices sign in with a certificate."""
    return await _made(asking, request, CERTIFICATE)


async def _made(asking: Asking, request: Request, kind: Any) -> dict[str, Any]:
    body = msgspec.json.encode(request["body"])
    document = await asking.services[Catalog].create(
        asking.caller, kind, asking.application_id, body
    )
    made: dict[str, Any] = msgspec.json.decode(document)
    return {**made, kind.identifier: made["id"]}


async def _issue(_asking: Asking, request: Request) -> dict[str, Any]:
    """Make a certificate and its key: signed by an authority's key, or by its own."""
    return await asyncio.to_thread(issued, CertificateWish(**request))


OPERATIONS = HostOperations(
    {
        "key.create": each(_make_key),
        "certificate.register": each(_register),
        "certificate.issue": each(_issue),
    }
)
