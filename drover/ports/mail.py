"""Messages to people, by e-mail."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Message(Struct, frozen=True, kw_only=True):
    """One e-mail in plain text, and in HTML where there is any.

    ``id`` is the same each time it is tried.
    """

    id: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""


class MailFailure(Exception):
    """A message could not be handed over; trying again may help."""


class Mail(Protocol):
    """The way to people."""

    async def send(self, message: Message) -> None:
        """Hand a message over; raises MailFailure."""
        ...
