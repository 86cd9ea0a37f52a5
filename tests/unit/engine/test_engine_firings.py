"""What fires workflows when it hangs, breaks, or finds no room."""

import asyncio

import msgspec

from drover.engine.payloads import date
from drover.ports.jobs import Firing
from tests.contract.jobs_store import APPLICATION


async def test_firings_wait_while_there_is_no_room_and_when_stopping(make):
    bench = make(triggers={"event": ["flow"]})
    await bench.jobs(
        lambda jobs: jobs.add_firing(
            Firing(application_id=APPLICATION, trigger_type="event", key="k")
        )
    )
    bench.engine.firings.stop()
    await bench.tick("firings")
    assert bench.runner.batches == []


async def test_firings_that_hang_are_renewed_and_dropped_at_the_end(make):
    bench = make(triggers={"event": ["flow"]}, beat_ms=1)
    started = asyncio.Event()

    async def hang(_batch):
        started.set()
        await asyncio.Event().wait()

    bench.runner.before = hang
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="k")
    await bench.jobs(lambda jobs: jobs.add_firing(firing))
    await bench.loops["firings"]._tick()
    await started.wait()
    before = await bench.jobs(lambda jobs: jobs.firings.next_ms())
    bench.store.offset_ms = 50_000
    async with asyncio.timeout(60):
        while await bench.jobs(lambda jobs: jobs.firings.next_ms()) < before + 50_000:
            await asyncio.sleep(0)

    await bench.engine.firings.drain(0)

    assert bench.engine.firings._running == set()


async def test_a_run_that_begins_late_has_the_time_of_its_firing(make):
    bench = make(triggers={"event": ["flow"]})
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="k")
    await bench.jobs(lambda jobs: jobs.add_firing(firing))
    fired_ms = await bench.jobs(lambda jobs: jobs.firings.next_ms())
    bench.store.offset_ms = 50_000
    await bench.tick("firings")

    payload = msgspec.json.decode(bench.runner.batches[0].payloads[0])
    assert payload["time"] == date(fired_ms)


async def test_a_firing_that_breaks_something_is_given_up_in_the_end(make):
    bench = make(triggers={"event": ["flow"]}, tries=1)

    async def fail(_batch):
        raise RuntimeError("a fault")

    bench.runner.before = fail
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="k")
    await bench.jobs(lambda jobs: jobs.add_firing(firing))
    await bench.tick("firings")

    assert await bench.jobs(lambda jobs: jobs.firings.next_ms()) is None


async def test_a_trigger_that_does_not_want_a_firing_is_not_run(make):
    bench = make(triggers={"event": ["flow"]})
    bench.engine.firings._matches = lambda *_given: False
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="k")
    await bench.jobs(lambda jobs: jobs.add_firing(firing))
    await bench.tick("firings")

    assert bench.runner.batches == []
    assert await bench.jobs(lambda jobs: jobs.firings.next_ms()) is None


async def test_many_firings_are_taken_in_turns(make, monkeypatch):
    from drover.engine import firings

    monkeypatch.setattr(firings, "_AT_A_TIME", 2)
    bench = make(triggers={"event": ["flow"]})
    for _ in range(3):
        await bench.jobs(
            lambda jobs: jobs.add_firing(
                Firing(application_id=APPLICATION, trigger_type="event", key="k")
            )
        )

    first = await bench.tick("firings")
    await bench.tick("firings")

    assert first == 0.0
    assert [batch.size for batch in bench.runner.batches] == [2, 1]
