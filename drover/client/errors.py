"""What can go wrong between a client and its server.

ClientError           the server refused; carries status, type, message, and what else it told
ServerUnreachable     no answer came
UnusableConnection    an address or a secret that cannot be one: nothing was sent
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


class ClientError(Exception):
    """The server refused; ``status`` is the HTTP code, ``type`` and ``message`` its reason.

    ``body`` is the answer as far as it was JSON, else None; ``retry_after_s`` how many seconds the
    server asks to wait, if it does.
    """

    body: Any = None
    retry_after_s: float | None = None

    def __init__(self, status: int, type_: str, message: str) -> None:
        super().__init__(f"{status} {type_}: {message}")
        self.status = status
        self.type = type_
        self.message = message


class ServerUnreachable(Exception):
    """No answer came; the message says from where and why."""


class UnusableConnection(ValueError):
    """An address or a secret that cannot be one; the message says what is wrong, not the secret."""


def refusal(answer: httpx.Response) -> ClientError:
    """Return the error that an answer tells; the body is read already.

    Dialects name its type and message differently: ``type`` and ``message``, ``code`` and
    ``error``, or ``error_message`` alone.
    """
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ClientError(answer.status_code, "Error", answer.text[:500])
    type_ = body.get("type") or body.get("code") or "Error"
    message = body.get("message") or body.get("error") or body.get("error_message") or ""
    error = ClientError(answer.status_code, str(type_), str(message))
    error.body = body
    error.retry_after_s = _seconds(answer.headers.get("Retry-After", ""))
    return error


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() and len(text) < 8 else None  # noqa: PLR2004 - months
