"""From which addresses an access key may be used."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from drover.model.access import AddressFilter
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def address_filter(key: AccessKey) -> AddressFilter | None:
    """Return from where an access key counts, None when that is from anywhere."""
    if key.address_filter_type == "all":
        return None
    return AddressFilter(listed=key.address_filter_type, addresses=key.addresses)


def address_allowed(key: AccessKey, address: str) -> bool:
    """Tell whether a key may be used from an address; an unknown one passes no list."""
    known = address_filter(key)
    return known is None or known.allows(address)
