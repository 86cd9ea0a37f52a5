"""Functions of an operator that do what they should not: each call still has an outcome."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from drover.flows import python
from drover.flows.python import PythonCall, call
from drover.handlers import REGISTERED


@pytest.fixture
def registered(monkeypatch):
    def register(function):
        monkeypatch.setitem(REGISTERED, "tried", function)

    return register


class Untold(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def leaves():
    sys.exit(3)


def raising(error):
    def raises():
        raise error

    return raises


ACTS = {
    "SystemExit": leaves,
    "KeyboardInterrupt": raising(KeyboardInterrupt()),
    "Untold": raising(Untold()),
    "RecursionError": raising(RecursionError("too deep")),
}


@pytest.mark.parametrize("name", ACTS)
async def test_whatever_a_plain_function_raises_is_the_error_of_its_call(registered, name):
    registered(lambda value: ACTS[name]() if value else "fine")

    bad, good = await call("tried", [PythonCall(1, 5), PythonCall(0, 5)])

    assert (bad.error[0], good.value) == (name, "fine")


@pytest.mark.parametrize("name", [*ACTS, "CancelledError"])
async def test_whatever_an_async_function_raises_is_the_error_of_its_call(registered, name):
    act = {**ACTS, "CancelledError": raising(asyncio.CancelledError())}[name]

    async def function(value):
        return act() if value else "fine"

    registered(function)

    bad, good = await call("tried", [PythonCall(1, 5), PythonCall(0, 5)])

    assert (bad.error[0], good.value) == (name, "fine")


async def test_a_call_that_is_cancelled_from_outside_ends(registered):
    began = asyncio.Event()

    async def waits(_value):
        began.set()
        await asyncio.Event().wait()

    registered(waits)
    task = asyncio.create_task(call("tried", [PythonCall(1, 60)]))
    await began.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_text_of_an_error_is_cut_and_can_be_encoded(registered):
    registered(lambda _value: raising(ValueError("\ud800" + "x" * 100_000))())

    (outcome,) = await call("tried", [PythonCall(1, 5)])

    assert outcome.error[0] == "ValueError"
    assert len(outcome.error[1].encode()) <= 1000


async def test_calls_that_never_return_hold_a_bounded_number_of_threads(registered, monkeypatch):
    monkeypatch.setattr(python, "MOST_LEFT_BEHIND", 2)
    over = threading.Event()
    registered(lambda _value: over.wait())

    outcomes = await call("tried", [PythonCall(1, 0.01)] * 5)
    left = list(python._LEFT_BEHIND)
    over.set()
    for thread in threading.enumerate():
        if thread.name == "drover-python-handler":
            thread.join()

    assert [each.error[0] for each in outcomes] == ["Timeout", "Timeout", "Busy", "Busy", "Busy"]
    assert (len(left), len(python._LEFT_BEHIND)) == (2, 0)


async def test_async_calls_wait_at_once_and_each_has_its_own_time(registered):
    met = asyncio.Barrier(150)
    ended = []

    async def function(value):
        if value == "late":
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(value)
        await met.wait()
        return "fine"

    registered(function)
    calls = [PythonCall("late", 0.01), *[PythonCall("soon", 60)] * 150, PythonCall("late", 0.02)]

    first, *others, last = await call("tried", calls)

    assert (first.error[0], last.error[0], ended) == ("Timeout", "Timeout", ["late"] * 2)
    assert {each.value for each in others} == {"fine"}


async def test_a_late_async_call_may_still_say_what_came_of_it(registered):
    async def function(_value):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "as far as it got"

    registered(function)

    (outcome,) = await call("tried", [PythonCall(1, 0.01)])

    assert outcome.value == "as far as it got"
