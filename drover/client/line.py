"""The way of a userkey to its server: an action with its fields, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from drover.client.connection import TIMEOUT_S, Connection, given
from drover.client.errors import ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

T = TypeVar("T")


class Line(Connection):
    """One server and one userkey; raises as ``Connection`` does."""

    def __init__(self, url: str, userkey: str) -> None:
        super().__init__(url, userkey)

    def get(self, shape: type[T], path: str, **query: object) -> T:
        """Return what is at ``path``; what is None is left out of the query."""
        return self._decoded(shape, self._answer("GET", path, query=query))

    def post(
        self,
        shape: type[T],
        path: str,
        action: str,
        fields: Mapping[str, object] | list[dict[str, Any]],
        *,
        wait_s: float = 0,
    ) -> T:
        """Run an action with these fields, or once for each of several sets of them.

        Fields that are None are left out. ``wait_s`` is how long the server is asked to wait.
        """
        body: object = fields
        if not isinstance(fields, list):
            body = given(fields)
        query, timeout_s = {"action": action}, TIMEOUT_S + wait_s
        answer = self._answer("POST", path, query=query, body=body, timeout=timeout_s)
        return self._decoded(shape, answer)

    def _decoded(self, shape: type[T], answer: httpx.Response) -> T:
        try:
            return msgspec.json.decode(answer.content or b"null", type=shape)
        except msgspec.DecodeError as error:
            raise ServerUnreachable(f"{self.url} does not answer as Drover does") from error
