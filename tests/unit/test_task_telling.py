"""Whoever asked is told of the end of a long task: by mail and callback, again until it is taken."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import aiosmtplib
import pytest

from drover.app import task_telling
from drover.app.long_tasks import listeners
from drover.app.signed_posts import PAUSES_S, SIGNATURE, signature
from drover.app.task_telling import TaskTelling
from drover.model.errors import Invalid
from drover.model.execution import State
from drover.model.run import Change
from drover.model.task import Ending, NewTask
from drover.ports.mail import MailFailure, Message
from drover.ports.web import WebFailure, WebResponse
from drover.workers.mail import FolderMail, SmtpMail, SmtpServer
from tests.contract.jobs_store import APPLICATION, Bench

KEY = b"a key of the test"
URL = "https://example.com/hook"


class FakeMail:
    """Keeps messages, or fails."""

    def __init__(self):
        self.sent, self.fails = [], False

    async def send(self, message):
        if self.fails:
            raise MailFailure("away")
        self.sent.append(message)


class FakeWeb:
    """Keeps requests; answers with a status, or not at all."""

    def __init__(self):
        self.made, self.status = [], 204

    async def fetch(self, request):
        self.made.append(request)
        if self.status is None:
            raise WebFailure("Unreachable", "away")
        return WebResponse(status=self.status, headers={}, body=b"", url=URL, duration_ms=1)


class World(Bench):
    """A store with tasks that have ended, and who tells of it."""

    def __init__(self, database):
        super().__init__(database)
        self.mail, self.web = FakeMail(), FakeWeb()
        self.telling = TaskTelling(self.store, self.web, self.mail, KEY)

    async def ended(self, **whom):
        self.count += 1
        new = NewTask(
            id=f"{self.count:024x}",
            kind="archive_data",
            name="ArchiveData",
            application_id=APPLICATION,
            **whom,
        )

        async def work(session):
            stored = await session.tasks.add(new, 1)
            await session.tasks.claim(["archive_data"], "w", await session.now_ms(), 10)
            await session.tasks.note_end(stored.number, Ending(output={"files": 2}))
            await session.jobs.executions.move(stored.number, Change(goal=State.SUCCEEDED))

        await self.store.write(work)
        return new

    async def due_now(self):
        """Let the time pass until the next try."""
        sql = "UPDATE task SET tell_ms = 0 WHERE tell_ms IS NOT NULL"
        return await self.database.write(lambda tx: tx.execute_sql(sql, {}))


@pytest.fixture
def world(sqlite_database):
    return World(sqlite_database)


async def test_both_are_told_once(world):
    new = await world.ended(emails=("a@example.com",), callback_url=URL)

    assert await world.telling.tick() is None
    assert await world.telling.tick() is None

    (message,), (request,) = world.mail.sent, world.web.made
    sent = dict(request.headers)[SIGNATURE]
    seconds = int(sent[2:].partition(",")[0])
    assert (message.id, message.to) == (new.id, ("a@example.com",))
    assert message.subject == f"ArchiveData {new.id}: completed"
    assert '"files": 2' in message.text
    assert (request.method, request.url, request.follows) == ("POST", URL, False)
    assert sent == signature(KEY, seconds, request.body)


async def test_only_whom_it_did_not_reach_is_told_again(world):
    await world.ended(emails=("a@example.com",), callback_url=URL)
    world.web.status = 500
    await world.telling.tick()
    await world.due_now()
    world.web.status = None
    await world.telling.tick()
    await world.due_now()
    world.web.status = 200

    await world.telling.tick()
    await world.due_now()
    await world.telling.tick()

    assert (len(world.mail.sent), len(world.web.made)) == (1, 3)


async def test_mail_that_never_leaves_is_given_up_in_the_end(world):
    await world.ended(emails=("a@example.com",))
    world.mail.fails = True

    for _ in range(len(PAUSES_S) + 1):
        await world.telling.tick()
        left = await world.due_now()

    assert left == 0


async def test_many_ends_are_told_of_at_once(world, monkeypatch):
    monkeypatch.setattr(task_telling, "_AT_A_TIME", 1)
    await world.ended(callback_url=URL)

    assert await world.telling.tick() == 0.0


async def test_messages_become_files_where_there_is_no_server(tmp_path):
    mail = FolderMail(tmp_path / "mail", "drover@example.com")

    await mail.send(Message(id="1", to=("a@b.c", "d@e.f"), subject="One\r\nBcc: x", text="Grüße"))

    file, message = _only(tmp_path / "mail")
    assert file == "1.eml"
    assert (message["To"], message["Subject"], message["Bcc"]) == (
        "a@b.c, d@e.f",
        "One Bcc: x",
        None,
    )
    assert message.get_content() == "Grüße\n"


async def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    _touch(tmp_path / "mail")

    with pytest.raises(MailFailure):
        await FolderMail(tmp_path / "mail", "x@y").send(Message(id="1", to=(), subject="", text=""))


@pytest.mark.parametrize("fails", [False, True])
async def test_messages_are_handed_to_an_smtp_server(monkeypatch, fails):
    handed = []

    async def send(message, **options):
        handed.append((message, options))
        if fails:
            raise aiosmtplib.SMTPException("no")

    monkeypatch.setattr(aiosmtplib, "send", send)
    server = SmtpServer(host="mail", port=25, sender="d@x", security="tls")
    message = Message(id="1", to=("a@b.c",), subject="One", text="Two")

    if fails:
        with pytest.raises(MailFailure):
            await SmtpMail(server).send(message)
    else:
        await SmtpMail(server).send(message)

    ((written, options),) = handed
    assert (written["From"], options["hostname"], options["username"]) == ("d@x", "mail", None)
    assert (options["use_tls"], options["start_tls"]) == (True, False)


@pytest.mark.parametrize(
    ("email", "url"),
    [
        ("nonsense", None), ("a@b c", None), ("a@b\r\nBcc: c@d", None), (",".join(["a@b"] * 11), None),
        (None, "ftp://x"), (None, "http://"), (None, "http://[x"), (None, "https://x/\n"),
        (None, "https://" + "x" * 1024), (None, "javascript:alert(1)"),
    ],
)  # fmt: skip
def test_nobody_is_told_where_nobody_can_be(email, url):
    with pytest.raises(Invalid):
        listeners(email, url)


def test_several_addresses_are_told():
    found = listeners("a@b.c, d@e.f", URL)

    assert found.shown == {"emails": ["a@b.c", "d@e.f"], "callbackUrl": URL}
    assert listeners("", None).shown == {}


def _only(folder: Path):
    (file,) = folder.iterdir()
    return file.name, message_from_bytes(file.read_bytes(), policy=policy.default)


def _touch(file: Path):
    file.touch()
