"""Passwords: hashed in threads, refused beyond their limits."""

from __future__ import annotations

import asyncio
import threading

import pytest
import pytest_asyncio

from drover.app.access import passwords as module
from drover.app.access.passwords import MOST_WAITING, Passwords
from drover.model.errors import Invalid, TooMany
from tests.support.access_server import CHEAP


@pytest_asyncio.fixture
async def passwords():
    made = Passwords(CHEAP)
    yield made
    made.close()


async def test_a_password_is_right_against_its_own_hash_only(passwords):
    kept = await passwords.hash("correct horse")

    assert "correct horse" not in kept
    assert await passwords.verify(kept, "correct horse")
    assert not await passwords.verify(kept, "correct hors")
    assert not await passwords.verify("no hash", "correct horse")


class CountingHasher:
    """Counts the hashes that are checked."""

    def __init__(self):
        self.checked = 0

    def hash(self, password):
        return CHEAP.hash(password)

    def verify(self, kept, password):
        self.checked += 1
        return CHEAP.verify(kept, password)


async def test_an_unknown_user_costs_a_hash_as_well():
    hasher = CountingHasher()
    passwords = Passwords(hasher)

    assert not await passwords.verify(None, "nobody has this password")

    assert hasher.checked == 1
    passwords.close()


@pytest.mark.parametrize("password", ["", "short", "x" * 2049])
async def test_a_password_has_its_limits(passwords, password):
    with pytest.raises(Invalid):
        await passwords.hash(password)
    assert not await passwords.verify(None, password)


async def test_hashing_never_runs_on_the_event_loop(passwords, monkeypatch):
    threads = []
    monkeypatch.setattr(
        module, "_encoded", lambda text: threads.append(threading.current_thread()) or text.encode()
    )

    await passwords.hash("correct horse")

    assert threads[0] is not threading.main_thread()


async def test_too_many_at_once_are_told_to_come_back(passwords):
    kept = await passwords.hash("correct horse")
    waiting = [
        asyncio.create_task(passwords.verify(kept, "correct horse")) for _ in range(MOST_WAITING)
    ]
    await asyncio.sleep(0)

    with pytest.raises(TooMany):
        await passwords.verify(kept, "correct horse")
    assert all(await asyncio.gather(*waiting))
