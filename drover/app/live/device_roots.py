"""What the payload of a trigger on a device tells of the device, beside what happened."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from drover.flows.payload import device_object, encode, tags_object
from drover.kinds.device import KIND

if TYPE_CHECKING:
    from drover.kinds.device import Device


def root_of(device: Device) -> dict[str, Any]:
    """Return the root keys: the name, the tags, and the device as payloads show it.

    Source: Losant-compatible nodes, section 2.1.
    """
    document = KIND.shown(device)
    return {
        "deviceName": device.name,
        "deviceTags": tags_object(msgspec.to_builtins(device.tags)),
        "device": msgspec.Raw(_object(document)),
    }


@lru_cache(maxsize=1024)
def _object(document: bytes) -> bytes:
    """Return a device's document as payloads show it; the reports of a device share it."""
    return encode(device_object(msgspec.json.decode(document)))
