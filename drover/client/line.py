"""The way of a userkey to its server: one request, one decoded answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import httpx
import msgspec

from drover.client.errors import ServerUnreachable, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

T = TypeVar("T")

TIMEOUT_S: Final = 30.0
"""How long an answer may take, beyond what the request asks to wait."""


class Line:
    """One server and one userkey, which goes out in a header and never in a URL.

    May be used from several threads. Every request raises ClientError when the server refuses and
    ServerUnreachable when it is away.
    """

    def __init__(self, url: str, userkey: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {userkey.strip()}"},
            timeout=TIMEOUT_S,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, shape: type[T], path: str, **query: object) -> T:
        """Return what is at ``path``; what is None is left out of the query."""
        return self._send(shape, "GET", path, query=query)

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
        if isinstance(fields, list):
            body: object = fields
        else:
            body = {name: value for name, value in fields.items() if value is not None}
        return self._send(
            shape, "POST", path, query={"action": action}, body=body, timeout_s=TIMEOUT_S + wait_s
        )

    def _send(
        self,
        shape: type[T],
        method: str,
        path: str,
        *,
        query: Mapping[str, object],
        body: object = None,
        timeout_s: float = TIMEOUT_S,
    ) -> T:
        params: Any = {name: value for name, value in query.items() if value is not None}
        try:
            answer = self._http.request(method, path, params=params, json=body, timeout=timeout_s)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise ServerUnreachable(f"No answer from {self.url}: {reason}") from error
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise refusal(answer)
        try:
            return msgspec.json.decode(answer.content or b"null", type=shape)
        except msgspec.DecodeError as error:
            raise ServerUnreachable(f"{self.url} does not answer as Drover does") from error
