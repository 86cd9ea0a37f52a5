"""Answers the broker's question whether a device may connect, and with which rights."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import structlog
from msgspec import Struct, field
from nats.errors import Error as NatsError

from drover.model.errors import DroverError, TooLarge, TooMany, Unauthorized
from drover.mqtt import tap
from drover.mqtt.accounts import CALLOUT, Rights, signed, unverified
from drover.mqtt.flushing import flush
from drover.mqtt.queue import Waiting
from drover.mqtt.subjects import subjects_of
from drover.ports.bus import MOST_MESSAGE_BYTES
from drover.ports.door import Visitor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence

    from nats.aio.client import Client

    from drover.mqtt.accounts import Keyring
    from drover.ports.door import Admitted, Door

    HangUp = Callable[[str, int], Awaitable[None]]
    """Ends a connection, which is given by its broker and its number there."""

    Send = Callable[[Sequence[tuple[bytes, bytes]]], Awaitable[None]]
    """Sends answers, each to its reply subject."""

SUBJECT: Final = "$SYS.REQ.USER.AUTH"
QUEUE: Final = "drover"

MOST_AT_ONCE: Final = 64
"""Devices that are looked at together; the others wait."""

GATHER_S: Final = 0.005
"""How long those that come at the same time are gathered."""

ROUNDS: Final = 4
"""How often devices are looked at before those that were looked at earlier have their answers."""

MOST_WAITING: Final = 4000
"""Devices that wait to be looked at; more are told at once to come again."""

_CROWD: Final = "too many devices connect at once"
_LATER: Final = "try again later"

TOLD_EVERY: Final = 1000
"""Of so many refusals one is logged; all are counted."""

_DELIVERIES: Final = ("$MQTT.sub.>",)
"""Where the broker itself takes up, in the name of a device, what it is to deliver at QoS 1."""

_LOG = structlog.get_logger("drover.mqtt")


class _Server(Struct):
    id: str


class _Client(Struct):
    id: int
    mqtt_id: str = ""
    host: str = ""


class _Given(Struct):
    user: str = ""
    password: str = field(default="", name="pass")


class _Asked(Struct):
    """What the broker tells of a connection; the rest is passed over."""

    user_nkey: str
    server_id: _Server
    client_info: _Client
    connect_opts: _Given


class _Token(Struct):
    nats: _Asked


class _Question(NamedTuple):
    """What the broker asks about a connection, when it did, and where the answer goes."""

    reply: bytes
    asked: _Asked
    at_s: float

    @property
    def name(self) -> tuple[str, str]:
        """Who it says that it is."""
        return self.asked.client_info.mqtt_id, self.asked.connect_opts.user

    def visitor(self) -> Visitor:
        client, given = self.asked.client_info, self.asked.connect_opts
        return Visitor(
            client_id=client.mqtt_id,
            username=given.user,
            password=given.password,
            address=client.host,
        )


class Callout:
    """Serves the broker's questions; ``ensure`` makes an application known to it.

    Those that come at the same time are decided together. Devices that are put off, as all are
    while it is ``full``, have their connections ended by ``hang_up`` before the broker is answered:
    it knows no other refusal than that of wrong credentials, for which clients give up.
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
        self._send: Send
        self._taken: Callable[[], Awaitable[None]] = _at_once
        self._waiting: Waiting[_Question] = Waiting()
        self._looking = 0
        self._due = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._too_long: set[str] = set()
        self._not_ended = 0
        self.admitted = 0
        """Devices let in."""
        self.refused = 0
        """Devices not let in: credentials that are wrong or come too often, too many topics."""
        self.put_off = 0
        """Devices put off: too many wait, the store is away, or there is no room."""

    async def serve(self, client: Client) -> None:
        """Begin to answer over a connection of the callout account, without traffic yet."""
        self.answer_by(partial(tap.answer, client), partial(flush, client))
        await tap.install(client, {SUBJECT: self.take}, QUEUE)

    def answer_by(self, send: Send, taken: Callable[[], Awaitable[None]] | None = None) -> None:
        """Have answers sent so, each with its reply subject.

        ``taken`` waits until the broker has those sent before; it raises NatsError and OSError.
        """
        self._send = send
        self._taken = taken or _at_once

    def take(self, _subject: bytes, reply: bytes, _headers: bytes, payload: bytes) -> None:
        """Take a question; it is answered soon."""
        try:
            asked = unverified(payload, _Token).nats
        except (ValueError, IndexError, msgspec.MsgspecError):
            _LOG.warning("mqtt.not_understood")  # it holds a secret, so no more of it is told
            return
        question = _Question(reply, asked, asyncio.get_running_loop().time())
        if len(self._waiting) >= MOST_WAITING:
            self._begin(self._turn_away([question], _CROWD))
            return
        self._waiting.add(question)
        self._look_soon()

    def _look_soon(self) -> None:
        """Have those that wait looked at, once whatever else has just come is taken too."""
        if self._waiting and not self._due and self._looking < ROUNDS:
            self._due = True
            self._looking += 1
            self._begin(self._look())

    async def _look(self) -> None:
        await asyncio.sleep(GATHER_S)
        self._due = False
        try:
            now_s = asyncio.get_running_loop().time()
            await self._turn_away(self._waiting.late(now_s), _CROWD)
            together = self._waiting.next(MOST_AT_ONCE)
            self._look_soon()
            if self._full():
                await self._turn_away(together, "there is no room for more state")
            else:
                await self._decide(together)
                await self._have_taken()
        finally:
            self._looking -= 1
            self._look_soon()

    async def _have_taken(self) -> None:
        """Send no more answers than the broker takes: those that wait there come too late."""
        try:
            await self._taken()
        except (NatsError, OSError) as error:  # the connection is lost, and what it was asked
            _LOG.debug("mqtt.waits", error=str(error) or type(error).__name__)

    async def _decide(self, questions: Sequence[_Question]) -> None:
        try:
            found = await self._door.admit_all([each.visitor() for each in questions])
        except Exception as error:  # noqa: BLE001 - whatever it is, the devices are not let in
            await self._not_decided(questions, error)
        else:
            await self._tell(list(zip(questions, found, strict=True)))

    async def _tell(self, decided: Sequence[tuple[_Question, Admitted | DroverError]]) -> None:
        """Answer by application: one that takes long to be made known holds up no other."""
        admitted: dict[str, list[tuple[_Question, Admitted]]] = defaultdict(list)
        refused: list[tuple[bytes, bytes]] = []
        for question, found in decided:
            if isinstance(found, (Unauthorized, TooMany)):
                self._waiting.fails(question)
                refused.append(self._refusal(question, found))
            elif isinstance(found, DroverError):
                await self._turn_away([question], found.message)
            else:
                self._waiting.succeeds(question)
                admitted[found.application_id].append((question, found))
        await asyncio.gather(
            self._send(refused),
            *(self._let_in(application_id, those) for application_id, those in admitted.items()),
        )

    async def _let_in(
        self, application_id: str, those: Sequence[tuple[_Question, Admitted]]
    ) -> None:
        try:
            await self._ensure(application_id)
        except Exception as error:  # noqa: BLE001 - as in _decide
            await self._not_decided([question for question, _ in those], error)
            return
        await self._send([self._welcome(question, of) for question, of in those])

    def _welcome(self, question: _Question, admitted: Admitted) -> tuple[bytes, bytes]:
        """Return the answer that lets a device in; the broker takes none that is too long.

        It would end the connection over which all devices are answered.
        """
        answer = self._answer(question, {"jwt": self._claims(question, admitted)})
        if len(answer[1]) <= MOST_MESSAGE_BYTES:
            self.admitted += 1
            return answer
        device_id = admitted.device_id
        if device_id not in self._too_long and len(self._too_long) < TOLD_EVERY:
            self._too_long.add(device_id)
            _LOG.warning("mqtt.too_many_topics", device=device_id, bytes=len(answer[1]))
        return self._refusal(question, TooLarge("The device has more topics than the broker takes"))

    def _refusal(self, question: _Question, error: DroverError) -> tuple[bytes, bytes]:
        self.refused += 1
        if self.refused % TOLD_EVERY == 1:
            _LOG.info("mqtt.refused", reason=error.message, so_far=self.refused)
        return self._answer(question, {"error": error.message})

    async def _not_decided(self, questions: Sequence[_Question], error: Exception) -> None:
        """Have devices come again about whom nothing could be found out."""
        if isinstance(error, DroverError):
            await self._turn_away(questions, error.message)
            return
        _LOG.error("mqtt.not_decided", exc_info=error)
        await self._turn_away(questions, "server error")

    async def _turn_away(self, questions: Sequence[_Question], reason: str) -> None:
        """Have devices come again, without keeping those waiting that are looked at."""
        for each in questions:
            self.put_off += 1
            if self.put_off % TOLD_EVERY == 1:
                _LOG.warning("mqtt.put_off", reason=reason, so_far=self.put_off)
            self._begin(self._put_off(each))

    async def _put_off(self, question: _Question) -> None:
        asked = question.asked
        try:
            await self._hang_up(asked.server_id.id, asked.client_info.id)
        except (NatsError, OSError, TimeoutError) as error:  # it is refused all the same
            self._not_ended += 1
            if self._not_ended % TOLD_EVERY == 1:
                reason = str(error) or type(error).__name__
                _LOG.warning("mqtt.waits", error=reason, so_far=self._not_ended)
        await self._send([self._answer(question, {"error": _LATER})])

    def _answer(self, question: _Question, told: Mapping[str, str]) -> tuple[bytes, bytes]:
        asked = question.asked
        body = {"type": "authorization_response", "version": 2, **told}
        claims = {"sub": asked.user_nkey, "aud": asked.server_id.id, "nats": body}
        return question.reply, signed(self._keys.account(CALLOUT), claims).encode()

    def _claims(self, question: _Question, admitted: Admitted) -> str:
        application_id, user = admitted.application_id, question.asked.user_nkey
        name = f"{application_id}.{admitted.device_id}.{admitted.key_id}"
        return self._keys.signed_user(application_id, user, name, rights_of(admitted))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _at_once() -> None:
    """Wait for nothing."""


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
