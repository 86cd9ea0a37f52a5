"""The attributes of a device as a collection of their own."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from drover.app.device_attributes import AttributePatch, DeviceAttributes
from drover.faces.losant import _lists
from drover.faces.losant._records import envelope
from drover.faces.operation import Call, Operation
from drover.model.bodies import convert
from drover.model.device_shape import Attribute
from drover.model.fields import Key
from drover.model.kind import OWNERS
from drover.model.scopes import for_operation
from drover.query.evaluate import matches
from drover.query.filters import by_glob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

    from drover.app.services import Services
    from drover.model.access import Caller

_MANY: Final = "/applications/{applicationId}/devices/{deviceId}/attributes"
_ONE: Final = f"{_MANY}/{{name}}"
_FIELDS: Final = ("name", "dataType")
_ECHOED: Final = ("filterField", "filter")


class _Calls:
    """The operations over the use cases."""

    def __init__(self, attributes: DeviceAttributes) -> None:
        self._attributes = attributes

    async def list(self, call: Call) -> dict[str, Any]:
        """Return the attributes of a device, all of them: there are few."""
        sort_field = call.choice("sortField", _FIELDS, "name")
        descending = _lists.descending(call)
        asked = by_glob(call.choice("filterField", _FIELDS, "") or None, call.query.get("filter"))
        found = [_document(call, each) for each in await self._attributes.all(*_device(call))]
        kept = [each for each in found if matches(asked, each)]
        kept.sort(key=itemgetter(sort_field, "name"), reverse=descending)
        figures = {
            "items": [_enclosed(call, each) for each in kept],
            "count": len(kept),
            "totalCount": len(kept),
            "sortField": sort_field,
            "sortDirection": "desc" if descending else "asc",
        }
        echo = {each: call.query[each] for each in _ECHOED if call.query.get(each)}
        path = _MANY.format_map(call.path)
        return envelope(call, "deviceAttributes", {**figures, **echo, **call.path}, path)

    async def post(self, call: Call) -> dict[str, Any]:
        """Add one."""
        made = await self._attributes.add(*_device(call), call.json(Attribute))
        return _enclosed(call, _document(call, made))

    async def get(self, call: Call) -> dict[str, Any]:
        """Return one."""
        found = await self._attributes.get(*_device(call), _name(call))
        return _enclosed(call, _document(call, found))

    async def patch(self, call: Call) -> dict[str, Any]:
        """Change one."""
        given = call.json(AttributePatch)
        changed = await self._attributes.patch(*_device(call), _name(call), given)
        return _enclosed(call, _document(call, changed))

    async def delete(self, call: Call) -> dict[str, bool]:
        """Take one away."""
        await self._attributes.remove(*_device(call), _name(call))
        return {"success": True}


def _device(call: Call) -> tuple[Caller, str, str]:
    return call.caller, call.application_id, call.path["deviceId"]


def _name(call: Call) -> str:
    return convert(call.path["name"], Key, "name")


def _document(call: Call, attribute: Attribute) -> dict[str, Any]:
    own = {name: call.path[name] for name in ("applicationId", "deviceId")}
    return {**msgspec.to_builtins(attribute), **own}


def _enclosed(call: Call, document: dict[str, Any]) -> dict[str, Any]:
    many = _MANY.format_map(call.path)
    return envelope(
        call,
        "deviceAttribute",
        document,
        f"{many}/{document['name']}",
        device=many.removesuffix("/attributes"),
        deviceAttributes=many,
    )


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on a device's attributes."""
    calls = _Calls(services[DeviceAttributes])
    for method, verb, path, run, body in (
        ("GET", "get", _MANY, calls.list, None),
        ("POST", "post", _MANY, calls.post, Attribute),
        ("GET", "get", _ONE, calls.get, None),
        ("PATCH", "patch", _ONE, calls.patch, AttributePatch),
        ("DELETE", "delete", _ONE, calls.delete, None),
    ):
        family = "deviceAttributes" if path == _MANY else "deviceAttribute"
        reads = verb == "get"
        owners = (*OWNERS, "Device") if reads else OWNERS
        yield Operation(
            method=method,
            path=path,
            scopes=for_operation(family, verb, owners, reads=reads),
            run=run,
            name=f"{family}.{verb}",
            summary=_SUMMARIES[family, verb],
            status=201 if verb == "post" else 200,
            body=cast("type[Struct] | None", body),
            parameters=_PARAMETERS if reads and path == _MANY else (),
        )


_PARAMETERS: Final = ("sortField", "sortDirection", "filterField", "filter")
_SUMMARIES: Final = {
    ("deviceAttributes", "get"): "List a device's attributes",
    ("deviceAttributes", "post"): "Add an attribute to a device",
    ("deviceAttribute", "get"): "Read an attribute of a device",
    ("deviceAttribute", "patch"): "Change an attribute of a device",
    ("deviceAttribute", "delete"): "Take an attribute from a device",
}
