"""Tags and attributes of devices in the shapes that a caller may ask for."""

from __future__ import annotations

from typing import Any


def tags_as_object(tags: list[dict[str, str]]) -> dict[str, list[str]]:
    """Return tags as the values of each key."""
    found: dict[str, list[str]] = {}
    for tag in tags:
        found.setdefault(tag["key"], []).append(tag["value"])
    return found


def attributes_as_object(attributes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return attributes by their names."""
    return {each["name"]: {k: v for k, v in each.items() if k != "name"} for each in attributes}
