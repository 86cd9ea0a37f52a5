"""Streams of an execution's progress: told on change, bounded, closed."""

import asyncio

import pytest
from msgspec import structs

from drover.app.jobs import progress as module
from drover.app.jobs.progress import Progress
from drover.model.errors import Missing, TooMany, Unavailable
from drover.model.execution import State
from drover.model.run import Execution, Pace


def execution(**changes):
    values = {
        **dict.fromkeys(Execution.__struct_fields__),
        **dict.fromkeys(
            ("total", "claimed", "in_flight", "waiting", "succeeded", "failed", "timed_out"), 0
        ),
        "number": 1,
        "id": "e" * 24,
        "application_id": "a" * 24,
        "state": State.RUNNING,
        "pace": Pace(),
        **changes,
    }
    return Execution(**values)


class Looks:
    """A store that shows one state after the other, then the last again and again."""

    def __init__(self, *states):
        self.states = list(states)
        self.looks = 0

    async def glance(self, _work):
        self.looks += 1
        found = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(found, Exception):
            raise found
        return found


class Ticks:
    """A clock on which each look is a second later."""

    def __init__(self, step_ms=1000):
        self.ms = 0
        self.step_ms = step_ms

    def now_ms(self):
        return self.ms

    def monotonic_ms(self):
        self.ms += self.step_ms
        return self.ms


def watching(*states, clock=None):
    return Progress(Looks(*states), clock or Ticks(), interval_s=0)


async def told(stream, most=20):
    events = []
    async for event in stream:
        events.append(event)
        if len(events) == most:
            break
    await stream.aclose()
    return events


async def test_the_first_event_comes_at_once_and_others_on_change_alone():
    begun = execution(total=4, in_flight=4)
    half = structs.replace(begun, in_flight=2, succeeded=2)
    ended = structs.replace(begun, in_flight=0, succeeded=4, state=State.SUCCEEDED)
    progress = watching(begun, begun, half, half, ended)

    events = await told(progress.watch(begun))

    assert [event["executionSummary"]["succeeded"] for event in events] == [0, 2, 4]
    assert [event["status"] for event in events] == ["inProgress", "inProgress", "completed"]
    assert all(sum(event["executionSummary"].values()) == 4 for event in events)


async def test_the_rate_is_that_of_the_looks_so_far():
    begun = execution(total=30)
    states = [structs.replace(begun, succeeded=n) for n in (10, 20, 30)]
    ended = structs.replace(states[-1], state=State.SUCCEEDED)

    clock = Ticks(step_ms=500)  # read twice a look
    events = await told(watching(*states, ended, clock=clock).watch(begun))

    assert "ratePerSecond" not in events[0]
    assert [event["ratePerSecond"] for event in events[1:4]] == [10.0, 10.0, 10.0]


async def test_an_ended_execution_is_told_once_without_a_look():
    progress = watching(execution())

    events = await told(progress.watch(execution(state=State.FAILED)))

    assert [event["status"] for event in events] == ["errored"]
    assert progress.store.looks == 0


async def test_a_sign_of_life_is_given_where_nothing_changes(monkeypatch):
    monkeypatch.setattr(module, "QUIET_LOOKS", 3)
    progress = watching(execution())

    events = await told(progress.watch(execution()), most=3)

    assert events[1:] == [None, None]
    assert progress.store.looks == 6


async def test_a_store_that_is_away_for_a_while_does_not_end_a_stream():
    ended = execution(state=State.CANCELED)
    progress = watching(Unavailable("busy"), ended)

    events = await told(progress.watch(execution()))

    assert [event["status"] for event in events] == ["inProgress", "canceled"]


async def test_a_deleted_execution_ends_its_streams():
    events = await told(watching(Missing("gone")).watch(execution()))

    assert len(events) == 1


async def test_a_stopping_server_ends_its_streams():
    progress = watching(execution())
    stream = progress.watch(execution())
    await anext(stream)

    progress.stop()

    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(stream), 60)
    await stream.aclose()


async def test_a_stream_has_a_longest_life():
    progress = watching(execution(), clock=Ticks(step_ms=1_800_000))

    events = await told(progress.watch(execution()))

    assert len(events) == 1


async def test_a_closed_stream_yields_nothing_more():
    progress = watching(execution())
    stream = progress.watch(execution())
    await anext(stream)

    await stream.aclose()

    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_streams_are_bounded_and_closing_makes_room():
    progress = watching(execution())
    streams = [progress.watch(execution()) for _ in range(module.MOST_OF_APPLICATION)]

    with pytest.raises(TooMany):
        progress.watch(execution())
    other = progress.watch(execution(application_id="b" * 24))
    await streams[0].aclose()
    await streams[0].aclose()
    streams.append(progress.watch(execution()))

    with pytest.raises(TooMany):
        progress.watch(execution())
    for stream in [*streams, other]:
        await stream.aclose()
    assert progress.open == 0


async def test_all_applications_together_are_bounded():
    progress = watching(execution())
    for n in range(module.MOST_STREAMS):
        progress.watch(execution(application_id=f"{n // 10:024x}"))

    with pytest.raises(TooMany):
        progress.watch(execution(application_id="f" * 24))
