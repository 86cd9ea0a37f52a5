"""Commands and messages that workflows send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.app.answering import Answer, Asking, HostOperations, Request, each, refusal
from drover.app.device_commands import Command, DeviceCommands
from drover.app.flow_pace import FlowPace
from drover.app.live.publishing import Publication, Publishing
from drover.model.bodies import convert
from drover.model.errors import DroverError, TooLarge
from drover.model.fields import is_id
from drover.query.filters import devices_listed
from drover.query.kinds import DEVICES
from drover.query.losant import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_MESSAGE_BYTES: Final = 261_120
"""Of a message that a workflow publishes: the broker takes 256 KB, with who published it."""

_SENT: Final[Answer] = {"result": True}


async def _command(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Send commands: those to devices listed by their ids together, the others one by one."""
    answers: list[Answer] = []
    listed: list[tuple[str, Command]] = []
    for request in requests:
        try:
            command = convert(request["command"], Command)
            if "query" in request or request.get("tags"):
                await _to_all(asking, request, command)
            else:
                written = command.written()
                listed += [(of, written) for of in _ids(request)]
        except DroverError as error:
            answers.append(refusal(error))
        else:
            answers.append(_SENT)
    wanted = _at_pace(asking, listed)
    await asking.services[DeviceCommands].to_each(asking.application_id, wanted)
    return answers


def _at_pace(asking: Asking, listed: Sequence[tuple[str, Command]]) -> list[tuple[str, Command]]:
    """Return the commands to devices that are not told something too often."""
    pace = asking.services[FlowPace]
    wanted: list[tuple[str, Command]] = []
    for device_id, command in listed:
        if may := pace.may_command(device_id):
            wanted.append((device_id, command))
        pace.commanded([device_id] if may else [], int(not may))
    return wanted


async def _to_all(asking: Asking, request: Request, command: Command) -> None:
    if "query" in request:
        chosen = parse(request["query"], DEVICES)
    else:
        chosen = devices_listed(_ids(request), request["tags"])
    await asking.services[DeviceCommands].to_all(
        asking.caller, asking.application_id, chosen, command, asking.services[FlowPace]
    )


def _ids(request: Request) -> list[str]:
    """Return the devices that are listed, each once: a command is not to be obeyed twice."""
    return [of for of in dict.fromkeys(map(str.lower, request["ids"])) if is_id(of)]


async def _publish(asking: Asking, request: Request) -> Any:
    """Publish a message, which may be larger than those that come over HTTP."""
    wanted = Publication(topic=str(request["topic"]), message=str(request["message"]))
    if len(wanted.message.encode()) > MOST_MESSAGE_BYTES:
        raise TooLarge(f"A message may not be larger than {MOST_MESSAGE_BYTES} bytes")
    asking.services[FlowPace].publishes(asking.application_id, wanted.topic)
    await asking.services[Publishing].publish_freely(asking.caller, asking.application_id, wanted)
    return True


OPERATIONS = HostOperations({"device.command": _command, "mqtt.publish": each(_publish)})
