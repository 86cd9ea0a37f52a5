"""A recipe that many devices are made by: what each of them has."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from drover.model.device_shape import Attributes, DeviceClass, check_attributes
from drover.model.fields import Clearable, Id, Name, Prose, Refers, Tags
from drover.model.kind import Kind
from drover.model.resource import Resource


class DeviceRecipe(Resource, frozen=True, kw_only=True):
    """What each device that is made by it has; ``device_name`` is the name of those without one."""

    name: Name
    device_name: Name | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    device_description: Prose | UnsetType = UNSET
    tags: Tags = ()
    attributes: Attributes = ()
    device_class: DeviceClass = "standalone"
    gateway_id: Clearable[Annotated[Id | UnsetType, Refers("device")]] = UNSET
    parent_id: Annotated[Id | UnsetType | None, Refers("device")] = UNSET
    system_interval: Annotated[int, Meta(ge=5, le=3600)] | UnsetType = UNSET
    keep_duplicates: bool | UnsetType = UNSET


def check(recipe: DeviceRecipe) -> None:
    """Raise Invalid where attributes share a name."""
    check_attributes(recipe.attributes)


KIND = Kind(
    DeviceRecipe,
    one="deviceRecipe",
    many="deviceRecipes",
    path="device-recipes",
    exported_as="DeviceRecipe",
    bundled_in="deviceRecipes.yaml",
    label="Device recipe",
    counted_as="deviceRecipeCount",
    check=check,
)
