"""Hosts at which applications' own interfaces answer: their domains, and slugs below a base.

What the server itself is called is never one of them, nor is an address or a name without a dot:
whoever may make domains could otherwise take calls that are meant for the server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from drover.kinds.experience_domain import KIND as DOMAIN

if TYPE_CHECKING:
    from drover.ports.store import Session, Store

_NAME: Final = re.compile(r"[0-9a-z](?:[0-9a-z-]{0,62}\.){1,30}[0-9a-z-]{1,63}\Z")
_ADDRESS: Final = re.compile(r"[0-9.]+\Z")
_LONGEST: Final = 253
_LONGEST_HEADER: Final = _LONGEST + len(".:65535")

_KEPT: Final = 1024
"""Headers whose host is remembered: a server is asked for few, again and again."""


@dataclass(frozen=True, kw_only=True)
class OwnNames:
    """What the server itself is called, in lower case; slugs answer at ``SLUG.base``.

    ``told`` says that the operator named it: a server that knows only what its machine is called
    cannot tell a domain of an application from a name of its own, and answers at no domain.
    """

    hosts: frozenset[str] = frozenset()
    base: str = ""
    told: bool = False


class ExperienceHosts:
    """Tells which slug or domain a request is for, by the host that it names."""

    def __init__(self, store: Store, own: OwnNames) -> None:
        self._store = store
        self._own = own

    async def name_at(self, header: str) -> str:
        """Return the slug or domain that a ``Host`` header names; empty for the server itself."""
        host = host_of(header)
        if not host or host in self._own.hosts or host == self._own.base:
            return ""
        if self._own.base and host.endswith(f".{self._own.base}"):
            return host.removesuffix(f".{self._own.base}")
        if not self._own.told:
            return ""
        return await self._store.glance(lambda session: _domain(session, host))

    def is_apart(self, header: str) -> bool:
        """Tell whether a host is none below the server's own: browsers keep the two apart."""
        host = host_of(header)
        return not any(host.endswith(f".{each}") for each in self._own.hosts)


def host_of(header: str) -> str:
    """Return the name in a ``Host`` header in lower case; empty where it can be no domain."""
    return _host_of(header) if len(header) <= _LONGEST_HEADER else ""


@lru_cache(_KEPT)
def _host_of(header: str) -> str:
    host = header.partition(":")[0].lower().removesuffix(".")
    is_name = len(host) <= _LONGEST and _NAME.match(host) and not _ADDRESS.match(host)
    return host if is_name else ""


async def _domain(session: Session, host: str) -> str:
    """Return the domain that takes a host: itself, or the one with a wildcard before the rest.

    A wildcard before a single label, such as all of a top-level domain, takes none.
    """
    rest = host.partition(".")[2]
    for name in (host, f"*.{rest}") if "." in rest else (host,):
        if await session.resources.by_own_name(DOMAIN, name) is not None:
            return name
    return ""
