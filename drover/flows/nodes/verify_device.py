"""Verify Device: output 1 when an experience user or group may reach a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import chosen
from drover.flows.node import Node
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_HOLDERS: Final = ("experienceUser", "experienceGroup")


def _compile(settings: Settings) -> Action:
    device = settings.template("deviceIdTemplate", required=True, label="Device id")
    holder = settings.template("idTemplate", required=True, label="User or group id")
    kind = settings.template("idTypeTemplate", default=_HOLDERS[0])

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        of = kind(payload).strip() or _HOLDERS[0]
        if of not in _HOLDERS:
            raise Thrown("Validation", f"Id type must be one of {', '.join(_HOLDERS)}")
        return {"device": device(payload), "holder": holder(payload), "holderType": of}

    return Ask("group.hasDevice", request, chosen)


NODE = Node(
    type="VerifyDeviceNode",
    name="verify-experience-device",
    category="experience",
    outputs=2,
    compile=_compile,
)
