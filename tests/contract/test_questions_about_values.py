"""What a question about reported values reads, and where it is refused, on each database."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import msgspec
import pytest

import drover.app.device_series as subject
from drover.app.device_series import DeviceSeries, SeriesQuestion, Window
from drover.app.series import NONE, Aggregation
from drover.kinds.device import KIND as DEVICE
from drover.model.access import Caller
from drover.model.errors import Invalid, TooLarge
from drover.model.kind import Stamp
from drover.ports.reports import Reading, Span, up_to
from drover.query.tree import ALL
from drover.store.session import SqlStore

PLANT = "a" * 24
NOW = 1_700_000_000_000
CALLER = Caller(type="user", id="b" * 24, scopes=frozenset({"all.User"}))
ALWAYS = Span(start_ms=0, end_ms=NOW, limit=10)
_numbers = itertools.count(1)


@pytest.fixture
def store(database) -> SqlStore:
    return SqlStore(database)


async def device(store, values, names=("heat", "label")) -> str:
    attributes = [{"name": name, "dataType": "number"} for name in names]
    body = msgspec.json.encode({"name": "d", "attributes": attributes})
    made = DEVICE.create(body, Stamp(f"{next(_numbers):024x}", PLANT, NOW), None)
    await store.write(lambda session: session.resources.add(DEVICE, made))
    readings = [
        Reading(device_id=made.id, attribute=name, time_ms=NOW - age, value=value)
        for name, age, value in values
    ]
    await store.write(lambda session: session.reports.record(readings))
    return made.id


def asked(wanted=NONE, **more) -> SeriesQuestion:
    window = Window(start=1, end=NOW + 1)
    return SeriesQuestion(devices=ALL, window=window, wanted=Aggregation(wanted), **more)


async def points(store, question) -> list[list[dict[str, object]]]:
    found = await DeviceSeries(store).series(CALLER, PLANT, question)
    return [[values for _, values in each.points] for each in found.devices]


async def test_only_the_attributes_that_are_asked_for_are_read(store):
    one = await device(store, [("heat", 3, 1), ("heat", 2, 2), ("label", 1, 3), ("label", 3, 4)])

    def read(span, names):
        return store.read(lambda session: session.reports.moments(one, span, names))

    newest = Span(start_ms=0, end_ms=NOW, limit=1)
    assert await read(newest, ["heat"]) == [(NOW - 2, {"heat": 2})]
    assert await read(newest, None) == [(NOW - 1, {"label": 3})]
    oldest = Span(start_ms=0, end_ms=NOW, limit=9, descending=False)
    assert [values for _, values in await read(oldest, ["label"])] == [{"label": 4}, {"label": 3}]
    assert await read(oldest, []) == []
    for span in (up_to(NOW + 1), ALWAYS):
        last = await store.read(
            lambda session, span=span: session.reports.latest([one], span, ["heat"])
        )
        assert [(each.attribute, each.value) for each in last] == [("heat", 2)]


async def test_the_newest_values_of_any_span_are_those_that_its_moments_tell(store):
    chance = random.Random(7)
    names = ("a", "b", "c")
    rows = [(chance.choice(names), chance.randrange(60), chance.random()) for _ in range(80)]
    one = await device(store, {row[:2]: row for row in rows}.values(), names)
    other = await device(store, [("a", 5, "other")], names)

    async def look(session, span):
        moments = await session.reports.moments(one, replace(span, limit=1000))
        return moments, await session.reports.latest([other, one], span)

    for _ in range(60):
        first, last = sorted(NOW - chance.randrange(-2, 62) for _ in range(2))
        span = Span(start_ms=first, end_ms=last)
        moments, latest = await store.read(lambda session, span=span: look(session, span))
        expected = {}
        for time_ms, values in reversed(moments):
            expected |= {name: (time_ms, value) for name, value in values.items()}
        found = {
            each.attribute: (each.time_ms, each.value) for each in latest if each.device_id == one
        }
        assert found == expected
        assert ("other" in {each.value for each in latest}) == (first <= NOW - 5 <= last)


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
@pytest.mark.parametrize("descending", [True, False])
async def test_reading_piece_by_piece_tells_every_value_once(store, monkeypatch, piece, descending):
    monkeypatch.setattr(subject, "_PIECE", piece)
    await device(store, [("heat", age, age) for age in range(7)])

    found = await points(store, asked(limit=5, descending=descending))
    summed = await points(store, asked("SUM", attributes=frozenset({"heat"})))

    ages = range(5) if descending else range(6, 1, -1)
    assert found == [[{"heat": age} for age in ages]]
    assert summed == [[{"heat": 21}]]


@pytest.mark.parametrize("wanted", [NONE, "COUNT"])
async def test_more_values_than_may_be_looked_at_are_refused_and_as_many_are_not(
    store, monkeypatch, wanted
):
    await device(store, [("heat", age, age) for age in range(3)])
    await device(store, [("label", age, age) for age in range(3)])

    monkeypatch.setattr(subject, "MOST_VALUES", 6)
    assert len(await points(store, asked(wanted))) == 2

    monkeypatch.setattr(subject, "MOST_VALUES", 5)
    with pytest.raises(TooLarge, match="More than 5 values"):
        await points(store, asked(wanted))


async def test_more_devices_than_may_be_asked_are_refused(store, monkeypatch):
    for _ in range(3):
        await device(store, [])
    monkeypatch.setattr(subject, "MOST_DEVICES", 3)
    assert await points(store, asked()) == [[], [], []]

    monkeypatch.setattr(subject, "MOST_DEVICES", 2)
    with pytest.raises(TooLarge, match="At most 2 devices"):
        await points(store, asked())
    with pytest.raises(TooLarge, match="At most 2 devices"):
        await DeviceSeries(store).last_values(CALLER, PLANT, ALL, "heat")


async def test_the_last_value_is_that_of_the_moment_that_is_asked_for(store):
    one = await device(store, [("heat", 9, 1), ("heat", 5, 2)])

    def last(end):
        return DeviceSeries(store).last_values(CALLER, PLANT, ALL, "heat", end)

    assert {age: (await last(NOW - age))[one]["data"] for age in (9, 6, 5)} == {
        9: {"heat": 1},
        6: {"heat": 1},
        5: {"heat": 2},
    }
    assert (await last(0))[one]["data"] == {"heat": 2}
    assert await last(NOW - 10) == {}


async def test_a_device_without_attributes_has_no_points(store):
    await device(store, [], names=())

    assert await points(store, asked()) == [[]]


@pytest.mark.parametrize(
    ("window", "start_ms", "end_ms"),
    [
        (Window(), NOW - 3_600_000, NOW),
        (Window(duration=5), NOW - 5, NOW),
        (Window(duration=0.5), NOW - 1, NOW),
        (Window(end=-10, duration=5), NOW - 15, NOW - 10),
        (Window(start=-10), NOW - 10, NOW),
        (Window(start=7, end=9, duration=1), 7, 9),
        (Window(start=7, duration=3), 7, 10),
        (Window(start=-10, duration=4), NOW - 10, NOW - 6),
        (Window(end=9, duration=10**15), 0, 9),
        (Window(start=-(10.0**14), end=10.0**14), 0, 100_000_000_000_000),
    ],
)
def test_a_window_is_told_by_any_two_of_its_figures(window, start_ms, end_ms):
    assert window.span_ms(NOW) == (start_ms, end_ms)


@pytest.mark.parametrize(
    ("window", "first", "count"),
    [
        (Window(end=100, duration=20, resolution=10), 80, 2),
        (Window(end=101, duration=20, resolution=10), 90, 2),
        (Window(start=85, end=100, resolution=10), 80, 2),
        (Window(start=85, end=101, resolution=10), 80, 3),
        (Window(end=100, duration=20, resolution=50), 50, 1),
        (Window(end=100, duration=20), 80, 1),
        (Window(end=100, duration=20, resolution=0.3), 80, 20),
    ],
)
def test_buckets_begin_at_whole_multiples_and_do_not_reach_past_the_end(window, first, count):
    within = window.buckets(NOW)

    assert (within.start_ms, within.count) == (first, count)


@pytest.mark.parametrize("window", [Window(start=5, end=5), Window(start=9, end=5)])
def test_a_window_without_a_moment_in_it_is_refused(window):
    with pytest.raises(Invalid, match="start must be before end"):
        window.span_ms(NOW)


def test_there_may_be_as_many_buckets_as_are_allowed_and_no_more():
    assert Window(end=25_000, duration=25_000, resolution=1).buckets(NOW).count == 25_000

    with pytest.raises(Invalid, match="25000 buckets"):
        Window(end=25_001, duration=25_001, resolution=1).buckets(NOW)
