"""Webhooks: the secret part of their URL, and what calling one does."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import structs

from drover.app import letters
from drover.app.access.throttle import Rule, Window, seconds
from drover.app.catalog import QuietHook
from drover.app.incoming import NOBODY, PUBLIC, data_of, fields_of
from drover.kinds.webhook import KIND
from drover.model.errors import (
    Forbidden,
    Invalid,
    Missing,
    TooMany,
    Unauthorized,
    reached,
)
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from drover.app.incoming import Incoming
    from drover.app.replies import AwaitedReplies
    from drover.kinds.webhook import Webhook
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

TOKEN_BYTES: Final = 24
WINDOW_MS: Final = 10_000
TRIGGER: Final = "webhook"
UNIQUE_BYTES: Final = 15
LETTERS_AT_ONCE: Final = 2
"""E-mails that a server takes apart at a time: other work needs its threads too."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_FOUND: Final = "Webhook was not found"


class WebhookTokens(QuietHook):
    """Makes the token of a new webhook; it never changes."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    async def before(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the webhook with its token."""
        return new if old is not None else structs.replace(new, token=self._ids.secret(TOKEN_BYTES))


class Called(NamedTuple):
    """What a call came to: the status, a workflow's reply (JSON), or text to answer with."""

    status: int
    reply: bytes | None = None
    text: str | None = None


class Webhooks:
    """Starts workflows when somebody outside calls; ``most`` times in ten seconds each, 0: any."""

    def __init__(
        self, store: Store, ids: Ids, clock: Clock, replies: AwaitedReplies, most: int = 0
    ) -> None:
        self._store = store
        self._ids = ids
        self._replies = replies
        self._calls = Window(clock, Rule(most, WINDOW_MS)) if most else None
        self._reading = asyncio.Semaphore(LETTERS_AT_ONCE)

    async def call(
        self, token: str, url: str, incoming: Incoming, left: Callable[[], Awaitable[None]]
    ) -> Called:
        """Start the workflows of the webhook with a token, and wait for a reply where it says so.

        Raises Missing, Unauthorized, Forbidden, TooMany, Invalid, Unavailable.
        """
        webhook = await self._found(token)
        self._count(webhook.id)
        status = webhook.response_code or 200
        handshake = _verify(webhook, url, incoming)
        if handshake is not None:
            return Called(status, text=handshake)
        firing = self._firing(webhook, incoming)
        told = await self._letters(webhook, incoming)
        if webhook.wait_for_reply and await self._is_awaited(webhook):
            reply_id = f"{webhook.id}.{self._ids.secret(UNIQUE_BYTES)}"
            asked = with_reply(firing, reply_id)
            reply = await self._replies.ask(reply_id, asked, left, told)
            return Called(504 if reply is None else 200, reply)
        await self._replies.start([*told, firing])
        return Called(status)

    async def _letters(self, webhook: Webhook, incoming: Incoming) -> Sequence[Firing]:
        """Return what starts the workflows that wait for the e-mail that a gateway hands in here.

        Where none wait for any, nothing is taken apart. Raises Invalid.
        """
        if incoming.media_type != letters.MEDIA_TYPE or not await self._has_inbox(webhook):
            return ()
        async with self._reading:
            data, keys = await asyncio.to_thread(letters.letter_in, incoming.body)
        encoded = msgspec.json.encode(data)
        root = {"relayId": NOBODY, "relayType": PUBLIC}
        return [
            Firing(
                application_id=webhook.application_id,
                trigger_type=letters.TRIGGER,
                key=key,
                data=encoded,
                root=msgspec.json.encode({"triggerId": key, **root}),
            )
            for key in keys
        ]

    async def _has_inbox(self, webhook: Webhook) -> bool:
        """Tell whether there is any workflow that waits for e-mails."""
        application_id = webhook.application_id
        return bool(
            await self._store.glance(
                lambda session: session.flows.keys(application_id, letters.TRIGGER)
            )
        )

    async def _found(self, token: str) -> Webhook:
        if not _TOKEN.fullmatch(token):
            raise Missing(_NOT_FOUND)
        webhook = await self._store.glance(lambda session: session.resources.by_secret(KIND, token))
        if webhook is None or not webhook.enabled or webhook.is_websocket:
            raise Missing(_NOT_FOUND)
        return webhook

    def _count(self, webhook_id: str) -> None:
        if self._calls is None:
            return
        wait_ms = self._calls.wait_ms(webhook_id)
        if wait_ms:
            told = TooMany("The webhook is called too often", retry_after_s=seconds(wait_ms))
            raise reached("webhook_calls_in_10_seconds", told)
        self._calls.add(webhook_id)

    def _firing(self, webhook: Webhook, incoming: Incoming) -> Firing:
        data = data_of(
            incoming,
            without=("authorization",) if webhook.basic_auth_username else (),
            cast=webhook.cast_buffers_as or "utf8",
            annotated=webhook.annotate_multipart,
        )
        root = {"triggerId": webhook.id, "relayId": NOBODY, "relayType": PUBLIC}
        return Firing(
            application_id=webhook.application_id,
            trigger_type=TRIGGER,
            key=webhook.id,
            data=msgspec.json.encode(data),
            root=msgspec.json.encode(root),
            flow_version=incoming.flow_version,
        )

    async def _is_awaited(self, webhook: Webhook) -> bool:
        """Tell whether there is any workflow that could reply."""
        return await self._store.glance(
            lambda session: session.flows.awaited(webhook.application_id, TRIGGER, webhook.id)
        )


def with_reply(firing: Firing, reply_id: str) -> Firing:
    """Return a firing whose payload tells by which id it is replied to."""
    told = b',"replyId":%b}' % msgspec.json.encode(reply_id)
    return structs.replace(firing, data=firing.data[:-1] + told)


def _verify(webhook: Webhook, url: str, incoming: Incoming) -> str | None:
    """Check that the right one calls; returns the answer to a handshake, which starts nothing.

    Raises Unauthorized, Forbidden, Missing, Invalid.
    """
    if webhook.basic_auth_username and not _is_basic(webhook, incoming):
        raise Unauthorized("The user name or password is wrong")
    code = webhook.verification_code or ""
    kind = webhook.verification_type or "none"
    if kind == "twilio" and not _is_signed(code, url, incoming):
        raise Forbidden("The signature is wrong")
    if kind == "alexa":
        raise Forbidden("Calls of this kind cannot be verified by this server")
    if kind in ("facebook", "fitbit") and incoming.method == "GET":
        return _handshake(kind, code, incoming)
    return None


def _handshake(kind: str, code: str, incoming: Incoming) -> str | None:
    query = fields_of(incoming.query)
    if kind == "fitbit" and "verify" in query:
        if _alike(str(query["verify"]), code):
            return ""
        raise Missing("The verification code is wrong")
    if kind == "facebook" and query.get("hub.mode") == "subscribe":
        if _alike(str(query.get("hub.verify_token", "")), code):
            return str(query.get("hub.challenge", ""))
        raise Forbidden("The verification code is wrong")
    return None


def _is_basic(webhook: Webhook, incoming: Incoming) -> bool:
    scheme, _, given = incoming.headers.get("authorization", "").partition(" ")
    wanted = f"{webhook.basic_auth_username}:{webhook.basic_auth_password or ''}"
    encoded = base64.b64encode(wanted.encode()).decode()
    return scheme.lower() == "basic" and _alike(given.strip(), encoded)


def _is_signed(code: str, url: str, incoming: Incoming) -> bool:
    """Tell whether a call is signed with the code: its URL and its form's fields in order."""
    if not code:
        raise Invalid("The webhook has no verification code")
    query = f"?{incoming.query.decode('latin-1')}" if incoming.query else ""
    fields = fields_of(incoming.body) if incoming.body else {}
    text = url + query + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    signature = hmac.new(code.encode(), text.encode(), hashlib.sha1).digest()
    given = incoming.headers.get("x-twilio-signature", "")
    return _alike(given, base64.b64encode(signature).decode())


def _alike(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
