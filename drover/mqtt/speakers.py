"""Who published a message, as the broker tells of messages that pass from account to account.

No device can say it in another's name: the broker writes it, and MQTT 3.1.1 has no headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER: Final = "Nats-Request-Info"

_LINE: Final = f"\r\n{HEADER}:".encode()
_END: Final = b"\r\n"
_PARTS: Final = ("application", "device", "key")


class _Told(Struct):
    """What the broker tells of a connection; the rest is passed over."""

    user: str = ""
    client_type: str = ""


_DECODER: Final = msgspec.json.Decoder(_Told)


def speaker_of(headers: Mapping[str, str] | None) -> str | None:
    """Return the device that published a message; None for anybody else."""
    told = (headers or {}).get(HEADER)
    return None if told is None else _device_in(told.encode())


def speaker_in(headers: bytes) -> str | None:
    """Return the device that published a message, from its headers as they were sent."""
    start = headers.find(_LINE)
    if start < 0:
        return None
    start += len(_LINE)
    return _device_in(headers[start : headers.find(_END, start)])


def _device_in(told: bytes) -> str | None:
    try:
        client = _DECODER.decode(told)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    parts = client.user.split(".")
    is_device = client.client_type == "mqtt" and len(parts) == len(_PARTS)
    return parts[1] if is_device else None
