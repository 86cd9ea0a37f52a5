"""E-mail by SMTP; without a server for it, messages as files that somebody picks up."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from typing import TYPE_CHECKING, Final, Literal

import aiosmtplib

from drover.ports.mail import MailFailure

if TYPE_CHECKING:
    from pathlib import Path

    from drover.ports.mail import Message

_TIMEOUT_S: Final = 30.0

Security = Literal["none", "starttls", "tls"]
"""How a connection to the SMTP server is protected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where messages are handed over, and as whom."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    security: Security = "starttls"


class SmtpMail:
    """Hands messages to an SMTP server; answers ``drover.ports.mail.Mail``."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def send(self, message: Message) -> None:
        """Hand a message over; raises MailFailure."""
        server = self._server
        try:
            await aiosmtplib.send(
                _written(message, server.sender),
                hostname=server.host,
                port=server.port,
                username=server.user or None,
                password=server.password or None,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                timeout=_TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailFailure(f"{type(error).__name__}: {error}") from error


class FolderMail:
    """Writes each message as an ``.eml`` file into a folder, whole or not at all."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, message: Message) -> None:
        """Write the file; raises MailFailure."""
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise MailFailure(str(error)) from error

    def _write(self, message: Message) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self._folder / f".{message.id}.part"
        with part.open("wb") as file:
            file.write(bytes(_written(message, self._sender)))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / f"{message.id}.eml")


def _written(message: Message, sender: str) -> EmailMessage:
    written = EmailMessage()
    written["From"] = sender
    written["To"] = ", ".join(message.to)
    written["Subject"] = " ".join(message.subject.split())
    written["Date"] = format_datetime(localtime())
    written["Message-ID"] = f"<{message.id}@drover>"
    written.set_content(message.text)
    if message.html:
        written.add_alternative(message.html, subtype="html")
    return written
