"""From which addresses an access key may be used."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

    from drover.model.accounts import AccessKey


def check_addresses(addresses: Iterable[str]) -> None:
    """Raise Invalid unless each is an IP address or a CIDR block."""
    for index, text in enumerate(addresses):
        try:
            ip_network(text, strict=False)
        except ValueError:
            place = f"addresses.{index}"
            message = f"'{text[:48]}' is neither an IP address nor a CIDR block at `{place}`"
            raise Invalid(message, field=place) from None


def address_allowed(key: AccessKey, address: str) -> bool:
    """Tell whether a key may be used from an address; an unknown one passes no list."""
    if key.address_filter_type == "all":
        return True
    peer = _parsed(address)
    if peer is None:
        return False
    listed = any(peer in ip_network(each, strict=False) for each in key.addresses)
    return listed == (key.address_filter_type == "whitelist")


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        peer = ip_address(address)
    except ValueError:
        return None
    return getattr(peer, "ipv4_mapped", None) or peer
