"""One server and one secret: what all clients share."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from drover.client.errors import ServerUnreachable, UnusableConnection, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    import httpx

TIMEOUT_S: Final = 60.0
"""How long an answer may take."""


class Connection:
    """Connections to a server; the secret goes out in a header and never in a URL.

    May be used from several threads. Raises UnusableConnection for an address or a secret that
    cannot be one. Every request raises ClientError when the server refuses and ServerUnreachable
    when it is away.
    """

    def __init__(self, url: str, secret: str | None) -> None:
        import httpx  # takes longer than all else that a command imports; --help needs none

        self.url = address(url)
        headers = {"Authorization": f"Bearer {_secret(secret)}"} if secret else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_S)

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

    def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object],
        body: object = None,
        timeout: httpx.Timeout | float = TIMEOUT_S,
    ) -> httpx.Response:
        """Return the answer to a request; what is None is left out of the query."""
        import httpx

        params = given(query) or None  # an empty query would take away one that the path has
        try:
            answer = self._http.request(method, path, params=params, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise ServerUnreachable(f"No answer from {self.url}: {reason}") from error
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise refusal(answer)
        return answer


def address(url: str) -> str:
    """Return the address of a server without a slash at its end; raises UnusableConnection."""
    try:
        parts = urlsplit(url.strip())
        _ = parts.port  # read for the error that it raises
    except ValueError:
        parts = urlsplit("")
    more = "?" in url or "#" in url
    if parts.scheme not in ("http", "https") or not parts.hostname or more:
        raise UnusableConnection(
            f"'{url}' is no address of a server; one is http://127.0.0.1:8080, with its scheme"
        )
    return url.strip().rstrip("/")


def _secret(text: str) -> str:
    """Return a secret as a header can hold it; raises UnusableConnection."""
    secret = text.strip()
    if not (secret.isascii() and secret.isprintable()):
        raise UnusableConnection("The key or token has characters that none has: copy it again")
    return secret


def given(fields: Mapping[str, object]) -> dict[str, Any]:
    """Return what of some fields is not None."""
    return {name: value for name, value in fields.items() if value is not None}
