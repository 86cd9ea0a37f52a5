"""Answers the broker's question whether a device may connect, and with which rights."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog
from nats.errors import Error as NatsError

from drover.model.errors import DroverError, TooMany, Unauthorized
from drover.mqtt.accounts import CALLOUT, Rights, signed, unverified
from drover.mqtt.subjects import subjects_of
from drover.ports.door import Visitor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from drover.mqtt.accounts import Keyring
    from drover.ports.door import Admitted, Door

    HangUp = Callable[[str, int], Awaitable[None]]
    """Ends a connection, which is given by its broker and its number there."""

SUBJECT: Final = "$SYS.REQ.USER.AUTH"
QUEUE: Final = "drover"

MOST_AT_ONCE: Final = 64
"""Devices that are looked at together; the others wait."""

MOST_WAITING: Final = 4000
"""Devices that wait to be looked at; more are told at once to come again."""

_LATER: Final = "try again later"

TOLD_EVERY: Final = 1000
"""Of so many refusals one is logged; all are counted."""

_DELIVERIES: Final = ("$MQTT.sub.>",)
"""Where the broker itself takes up, in the name of a device, what it is to deliver at QoS 1."""

_LOG = structlog.get_logger("drover.mqtt")


class Callout:
    """Serves the broker's questions; ``ensure`` makes an application known to it.

    Devices that are put off, as all are while it is ``full``, have their connections ended by
    ``hang_up`` before the broker is answered: it knows no other refusal than that of wrong
    credentials, for which clients give up.
    """

    def __init__(
        self,
        keys: Keyring,
        door: Door,
        ensure: Callable[[str], Awaitable[None]],
        hang_up: HangUp,
        full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._keys = keys
        self._door = door
        self._ensure = ensure
        self._hang_up = hang_up
        self._full = full
        self._gate = asyncio.Semaphore(MOST_AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()
        self.admitted = 0
        """Devices let in."""
        self.refused = 0
        """Devices not let in: their credentials are wrong, or come too often."""
        self.put_off = 0
        """Devices put off: too many wait, the store is away, or there is no room."""

    async def serve(self, client: Client) -> None:
        """Begin to answer over a connection of the callout account."""
        await client.subscribe(SUBJECT, queue=QUEUE, cb=self._asked)

    async def _asked(self, message: Msg) -> None:
        crowded = len(self._answering) >= MOST_WAITING
        task = asyncio.create_task(self._answer(message, crowded=crowded))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, message: Msg, *, crowded: bool) -> None:
        asked = unverified(message.data.decode())["nats"]
        body: dict[str, Any] = {"type": "authorization_response", "version": 2}
        if crowded:
            body["error"] = self._later("too many devices connect at once")
        elif self._full():
            body["error"] = self._later("too much state waits for the store")
        else:
            async with self._gate:
                body |= await self._decision(asked)
        if body.get("error") == _LATER:
            await self._put_off(asked)
        answer = {"sub": asked["user_nkey"], "aud": asked["server_id"]["id"], "nats": body}
        await message.respond(signed(self._keys.account(CALLOUT), answer).encode())

    async def _decision(self, asked: Mapping[str, Any]) -> dict[str, str]:
        """Return the claims of a device that is let in, or why it is not."""
        try:
            claims = await self._claims(asked)
        except (Unauthorized, TooMany) as error:
            self.refused += 1
            if self.refused % TOLD_EVERY == 1:
                _LOG.info("mqtt.refused", reason=error.message, so_far=self.refused)
            return {"error": error.message}
        except DroverError as error:
            return {"error": self._later(error.message)}
        except Exception:  # noqa: BLE001 - whatever it is, the device is not let in
            _LOG.exception("mqtt.not_decided")
            return {"error": self._later("server error")}
        self.admitted += 1
        return {"jwt": claims}

    def _later(self, reason: str) -> str:
        self.put_off += 1
        if self.put_off % TOLD_EVERY == 1:
            _LOG.warning("mqtt.put_off", reason=reason, so_far=self.put_off)
        return _LATER

    async def _put_off(self, asked: Mapping[str, Any]) -> None:
        try:
            await self._hang_up(asked["server_id"]["id"], int(asked["client_info"]["id"]))
        except (NatsError, OSError, TimeoutError) as error:  # it is refused all the same
            _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)

    async def _claims(self, asked: Mapping[str, Any]) -> str:
        client, given = asked["client_info"], asked["connect_opts"]
        visitor = Visitor(
            client_id=client.get("mqtt_id") or "",
            username=given.get("user") or "",
            password=given.get("pass") or "",
            address=client.get("host") or "",
        )
        admitted = await self._door.admit(visitor)
        await self._ensure(admitted.application_id)
        name = f"{admitted.application_id}.{admitted.device_id}.{admitted.key_id}"
        rights = rights_of(admitted)
        return self._keys.signed_user(admitted.application_id, asked["user_nkey"], name, rights)


def rights_of(admitted: Admitted) -> Rights:
    """Return topics that a device may use as the broker's permissions."""
    return Rights(
        publish=_subjects(admitted.may_publish),
        subscribe=[*_DELIVERIES, *_subjects(admitted.may_subscribe)],
        no_publish=_subjects(admitted.not_publish),
        no_subscribe=_subjects(admitted.not_subscribe),
    )


def _subjects(filters: Iterable[str]) -> list[str]:
    """Return the subjects of filters, each once: the broker keeps a tree of them by device."""
    return list(dict.fromkeys(subject for each in filters for subject in subjects_of(each)))
