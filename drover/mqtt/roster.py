"""Which applications a broker has, whoever made them known to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from drover.mqtt.accounts import unverified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client

ASKING_S: Final = 10.0
"""How long the broker may take to answer."""

_LIST: Final = "$SYS.REQ.CLAIMS.LIST"
_LOOK_UP: Final = "$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP"


class _Listed(Struct):
    data: list[str] = []


class _Named(Struct):
    name: str = ""


async def accounts_at(system: Client) -> Sequence[str]:
    """Return the accounts that the broker has; raises NatsError, TimeoutError."""
    answer = await system.request(_LIST, b"", timeout=ASKING_S)
    return msgspec.json.decode(answer.data, type=_Listed).data


async def name_of(system: Client, account: str) -> str:
    """Return whose account it is; nothing when it is gone. Raises NatsError, TimeoutError."""
    subject = _LOOK_UP.format(account=account)
    answer = await system.request(subject, b"", timeout=ASKING_S)
    return unverified(answer.data, _Named).name if answer.data else ""
