"""The steps of a bulk change, applied to one device at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from drover.kinds.device import KIND, Device
from drover.model.bodies import convert
from drover.model.device_shape import Attribute
from drover.model.errors import Invalid
from drover.model.fields import Key, Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_CHANGES: Final = 25

Target = Literal[
    "name",
    "deviceClass",
    "description",
    "gatewayId",
    "parentId",
    "systemInterval",
    "keepDuplicates",
    "tag",
    "attribute",
    "attributeTag",
    "attributeDescription",
    "attributeContentType",
    "attributeName",
    "attributeSystem",
]


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One step: set, remove or add something of each device."""

    operation: Literal["set", "remove", "add"]
    target: Target
    value: Any = UNSET
    attribute_name: Key | UnsetType = UNSET
    tag_key: Key | UnsetType = UNSET


Changes = Annotated[tuple[Change, ...], Meta(max_length=MOST_CHANGES)]


def check(change: Change) -> None:
    """Raise Invalid for a step that no device could take."""
    needed = _NEEDED.get((change.operation, change.target))
    if needed is None:
        raise Invalid(f"Cannot {change.operation} {change.target}", field="updateOperations")
    for name in needed:
        if getattr(change, name) is UNSET:
            wire = {"attribute_name": "attributeName", "tag_key": "tagKey"}.get(name, name)
            raise Invalid(f"Object missing required field `{wire}`", field=wire)
    if "value" in needed:
        convert(change.value, _SHAPES[change.target], "value")


def applied(device: Device, fields: Struct | None, changes: Sequence[Change]) -> Device:
    """Return the device after a patch and steps; raises Invalid where they do not fit it."""
    new = device
    if fields is not None:
        given = {
            name: value
            for name in fields.__struct_fields__
            if (value := getattr(fields, name)) is not UNSET
        }
        new = structs.replace(new, **given)
    for change in changes:
        new = _STEPS[change.operation, change.target](new, change)
    if KIND.check is not None:
        KIND.check(new)
    return new


def _set(device: Device, change: Change) -> Device:
    value = change.value.lower() if change.target in {"gatewayId", "parentId"} else change.value
    return structs.replace(device, **{_ATTRIBUTES[change.target]: value})


def _unset(device: Device, change: Change) -> Device:
    return structs.replace(device, **{_ATTRIBUTES[change.target]: UNSET})


def _set_tag(device: Device, change: Change) -> Device:
    tag = convert(change.value, Tag)
    others = tuple(each for each in device.tags if each.key != tag.key)
    return structs.replace(device, tags=(*others, tag))


def _remove_tag(device: Device, change: Change) -> Device:
    kept = tuple(tag for tag in device.tags if tag.key != change.tag_key)
    return structs.replace(device, tags=kept)


def _add_attribute(device: Device, change: Change) -> Device:
    attribute = convert(change.value, Attribute)
    others = tuple(each for each in device.attributes if each.name != attribute.name)
    return structs.replace(device, attributes=(*others, attribute))


def _remove_attribute(device: Device, change: Change) -> Device:
    kept = tuple(each for each in device.attributes if each.name != change.attribute_name)
    return structs.replace(device, attributes=kept)


def _on_attribute(
    act: Callable[[Attribute, Change], Attribute],
) -> Callable[[Device, Change], Device]:
    def step(device: Device, change: Change) -> Device:
        changed = tuple(
            act(each, change) if each.name == change.attribute_name else each
            for each in device.attributes
        )
        return structs.replace(device, attributes=changed)

    return step


def _set_member(attribute: Attribute, change: Change) -> Attribute:
    return structs.replace(attribute, **{_MEMBERS[change.target]: change.value})


def _unset_member(attribute: Attribute, change: Change) -> Attribute:
    return structs.replace(attribute, **{_MEMBERS[change.target]: UNSET})


def _set_attribute_tag(attribute: Attribute, change: Change) -> Attribute:
    tag = convert(change.value, Tag)
    tags = attribute.attribute_tags or {}
    return structs.replace(attribute, attribute_tags={**tags, tag.key: tag.value})


def _remove_attribute_tag(attribute: Attribute, change: Change) -> Attribute:
    tags = attribute.attribute_tags or {}
    kept = {key: value for key, value in tags.items() if key != change.tag_key}
    return structs.replace(attribute, attribute_tags=kept)


_ATTRIBUTES: Final = {
    "name": "name",
    "deviceClass": "device_class",
    "description": "description",
    "gatewayId": "gateway_id",
    "parentId": "parent_id",
    "systemInterval": "system_interval",
    "keepDuplicates": "keep_duplicates",
}
_MEMBERS: Final = {
    "attributeDescription": "description",
    "attributeContentType": "content_type",
    "attributeName": "name",
}
_SHAPES: Final[Mapping[str, Any]] = {
    **{name: KIND.patch_type.__annotations__[field] for name, field in _ATTRIBUTES.items()},
    "tag": Tag,
    "attribute": Attribute,
    "attributeSystem": Attribute,
    "attributeTag": Tag,
    "attributeDescription": Annotated[str, Meta(max_length=32767)],
    "attributeContentType": Annotated[str, Meta(min_length=1, max_length=64)],
    "attributeName": Key,
}
_STEPS: Final[Mapping[tuple[str, str], Callable[[Device, Change], Device]]] = {
    **{("set", name): _set for name in _ATTRIBUTES},
    ("remove", "description"): _unset,
    ("remove", "parentId"): _unset,
    ("set", "tag"): _set_tag,
    ("remove", "tag"): _remove_tag,
    ("add", "attribute"): _add_attribute,
    ("add", "attributeSystem"): _add_attribute,
    ("remove", "attribute"): _remove_attribute,
    ("set", "attributeTag"): _on_attribute(_set_attribute_tag),
    ("remove", "attributeTag"): _on_attribute(_remove_attribute_tag),
    ("set", "attributeDescription"): _on_attribute(_set_member),
    ("set", "attributeContentType"): _on_attribute(_set_member),
    ("set", "attributeName"): _on_attribute(_set_member),
    ("remove", "attributeDescription"): _on_attribute(_unset_member),
}
"""What each step does."""

_NEEDED: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    step: (
        *(("value",) if step[0] != "remove" else ()),
        *(("attribute_name",) if step[1].startswith("attribute") and step[0] != "add" else ()),
        *(("tag_key",) if step[0] == "remove" and step[1].lower().endswith("tag") else ()),
    )
    for step in _STEPS
}
"""The members that each step must have."""
