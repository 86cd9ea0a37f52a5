"""A client of the HTTP API, for programs and for the command line."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from drover.client.connection import TIMEOUT_S, Connection, given
from drover.client.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

PAGE: Final = 1000


class Client(Connection):
    """One server and one token.

    Every method raises ClientError when the server refuses and ServerUnreachable when it is away.
    """

    def __init__(self, url: str = "http://127.0.0.1:8080", token: str | None = None) -> None:
        super().__init__(url, token)

    @property
    def token(self) -> str | None:
        """The token in use."""
        return self._http.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def sign_in(self, email: str, password: str, code: str = "") -> str:
        """Sign in as a user, use the token from here on, and return it.

        ``code`` is that of the authenticator app, for users who have enabled one.
        """
        credentials = {"email": email, "password": password, "twoFactorCode": code}
        answer = self.post("/auth/user", credentials)
        token = str(answer["token"])
        self._http.headers["Authorization"] = f"Bearer {token}"
        return token

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at ``path``."""
        return self._send("GET", path, query=query)

    def post(self, path: str, body: object = None, **query: Any) -> Any:
        """Post JSON and return the answer."""
        return self._send("POST", path, body=body, query=query)

    def patch(self, path: str, body: object = None, **query: Any) -> Any:
        """Patch with JSON and return the answer."""
        return self._send("PATCH", path, body=body, query=query)

    def delete(self, path: str, **query: Any) -> Any:
        """Delete and return the answer."""
        return self._send("DELETE", path, query=query)

    def change(self, method: str, path: str, **query: Any) -> Any:
        """Send a PUT or DELETE that changes many things, however long that takes."""
        import httpx

        return self._send(method, path, query=query, timeout=httpx.Timeout(TIMEOUT_S, read=None))

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield every item of a paged collection."""
        page = 0
        while True:
            answer = self.get(path, page=page, perPage=PAGE, **query)
            yield from answer["items"]
            page += 1
            if page * PAGE >= answer["totalCount"]:
                return

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """Yield name and JSON of each event of a server-sent stream until the server ends it."""
        with self._http.stream("GET", path, timeout=TIMEOUT_S) as answer:
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                answer.read()
                raise refusal(answer)
            yield from _events(answer.iter_lines())

    def download(self, path: str, **query: Any) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        # No parameters at all keep those of the path: a signed address has its own.
        with self._http.stream("GET", path, params=given(query) or None) as answer:
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                answer.read()
                raise refusal(answer)
            yield from answer.iter_bytes()

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any],
        timeout: httpx.Timeout | float = TIMEOUT_S,
    ) -> Any:
        answer = self._answer(method, path, query=query, body=body, timeout=timeout)
        return answer.json() if answer.content else None


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name, data = "message", ""
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line and data:
            yield name, json.loads(data)
            name, data = "message", ""
