"""What a face may use: use cases, found by their type."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Services:
    """The use cases of a running server, one of each type.

    A face asks for what it needs (``services[Catalog]``) when it declares its operations, so that
    a server that lacks one does not start.
    """

    def __init__(self, *services: object) -> None:
        self._services = services

    def __getitem__(self, wanted: type[T]) -> T:
        """Return the service of a type; raises LookupError when the server has none."""
        for service in self._services:
            if isinstance(service, wanted):
                return service
        raise LookupError(f"the server has no {wanted.__name__}")
