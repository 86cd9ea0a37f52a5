"""Who published a message is told to what comes of it from a stream, in whichever order."""

from __future__ import annotations

import pytest

from drover.mqtt import overheard as module
from drover.mqtt.overheard import Overheard, Said

ONE, OTHER = Said("a" * 24, "pump/left", 1), Said("a" * 24, "pump/left", 2)
NOW_MS = 9_999_999_999_999


@pytest.fixture
async def overheard():
    return Overheard()


@pytest.fixture
def told():
    return []


async def test_the_same_said_by_several_is_told_of_each_once(overheard, told):
    overheard.note(ONE, "first")
    overheard.note(OTHER, "other")
    overheard.ask(ONE, told.append, NOW_MS)
    overheard.ask(ONE, told.append, NOW_MS)
    overheard.note(ONE, "second")

    assert (told, overheard.waiting) == (["first", "second"], 0)
    assert list(overheard._known) == [OTHER]


async def test_what_passed_long_ago_is_forgotten(overheard, told, monkeypatch):
    overheard.note(ONE, "first")
    overheard.ask(ONE, told.append, NOW_MS)
    monkeypatch.setattr(module, "REMEMBER_S", -1)

    overheard.note(OTHER, "other")
    overheard.ask(OTHER, told.append, 0)

    assert told == ["first", None]
    assert (overheard._known, list(overheard._order)) == ({}, [])


async def test_the_oldest_is_forgotten_where_there_is_too_much(overheard, told, monkeypatch):
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    for speaker in ("first", "second", "third"):
        overheard.note(ONE, speaker)

    for _ in range(3):
        overheard.ask(ONE, told.append, 0)

    assert told == ["second", "third", None]
