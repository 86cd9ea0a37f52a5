"""Handing outcomes from threads to a loop."""

import asyncio

from drover.store.completions import Completions, Outcome


class Loop:
    """A loop that runs nothing by itself and counts how often it was woken."""

    def __init__(self):
        self.calls = []

    def call_soon_threadsafe(self, call):
        self.calls.append(call)


class ClosedLoop:
    def call_soon_threadsafe(self, _call):
        raise RuntimeError("Event loop is closed")


def futures(count):
    loop = asyncio.get_running_loop()
    return [loop.create_future() for _ in range(count)]


async def test_many_outcomes_wake_the_loop_once():
    loop, (first, second, third) = Loop(), futures(3)
    completions = Completions(loop)
    failure = LookupError("no")

    completions.give([Outcome(first, 1, None), Outcome(second, None, failure)])
    completions.give([Outcome(third, 3, None)])

    assert len(loop.calls) == 1
    loop.calls[0]()
    assert (first.result(), second.exception(), third.result()) == (1, failure, 3)


async def test_the_loop_is_woken_again_for_what_comes_later():
    loop, (first, second) = Loop(), futures(2)
    completions = Completions(loop)

    completions.give([Outcome(first, 1, None)])
    loop.calls[0]()
    completions.give([Outcome(second, 2, None)])

    assert len(loop.calls) == 2
    loop.calls[1]()
    assert second.result() == 2


async def test_a_future_whose_caller_left_is_passed_over():
    loop, (first, second) = Loop(), futures(2)
    completions = Completions(loop)
    first.cancel()

    completions.give([Outcome(first, 1, None), Outcome(second, 2, None)])
    loop.calls[0]()

    assert first.cancelled()
    assert second.result() == 2


async def test_a_closed_loop_does_no_harm_to_the_thread():
    (future,) = futures(1)

    Completions(ClosedLoop()).give([Outcome(future, 1, None)])

    assert not future.done()
