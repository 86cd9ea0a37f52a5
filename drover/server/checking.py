"""What settings have to be beyond their types and limits: told at the start, not hours later."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from drover.config import SettingsError
from drover.model.cron import zone_of
from drover.model.errors import Invalid
from drover.model.topics import free_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drover.config import Settings


def check_sense(settings: Settings) -> None:
    """Raise SettingsError for the first setting that makes no sense."""
    for name, check in _CHECKS.items():
        try:
            check(getattr(settings, name))
        except (ValueError, Invalid) as error:
            raise SettingsError(f"{name}: {error}") from error


def _networks(given: Sequence[str]) -> None:
    for each in given:
        ip_network(each)


def _levels(given: Sequence[str]) -> None:
    """Look that none is a wildcard or the fleet's own: devices could read each other's commands."""
    for each in given:
        if free_root(each) != each:
            raise ValueError(f"{each!r} cannot be the first level of free topics")


def _address(given: str) -> None:
    parts = urlsplit(given)
    if given and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError(f"{given!r} is no address that begins with http:// or https://")


_CHECKS: Final[Mapping[str, Callable[..., object]]] = {
    "allowed_networks": _networks,
    "beacon_time_zone": zone_of,
    "mqtt_topics": _levels,
    "public_url": _address,
    "archive_s3_endpoint": _address,
}
