import asyncio

from drover.app.live import batches
from drover.app.live.batches import Batches
from drover.ports.failures import StoreBusy


async def test_what_is_put_is_written_in_order_and_together():
    written = []

    async def write(things):
        written.append(list(things))

    queue = Batches("things", write)
    for each in range(3):
        queue.put(each)
    queue.start()
    await queue.close()

    assert written == [[0, 1, 2]]


async def test_what_the_store_cannot_take_waits_for_it(monkeypatch):
    monkeypatch.setattr(batches, "REST_S", 0)
    written, tries = [], []

    async def write(things):
        tries.append(len(things))
        if len(tries) < 3:
            raise StoreBusy("busy")
        written.extend(things)

    queue = Batches("things", write)
    queue.put(1)
    queue.start()
    while not written:
        await asyncio.sleep(0)
    await queue.close()

    assert (written, tries) == ([1], [1, 1, 1])


async def test_one_that_cannot_be_written_takes_no_other_with_it():
    written, lost = [], []

    async def write(things):
        if 2 in things:
            raise ValueError("a fault")
        written.extend(things)

    queue = Batches("things", write, lost.append)
    for each in range(5):
        queue.put(each)
    queue.start()
    await queue.close()

    assert (written, lost) == ([0, 1, 3, 4], [2])


async def test_closing_before_the_start_and_twice_does_no_harm():
    async def write(_things):
        raise AssertionError

    queue = Batches("things", write)

    await queue.close()
    await queue.close()


async def test_what_comes_while_others_are_gathered_is_written_with_them():
    written = []
    done = asyncio.Event()

    async def write(things):
        written.append(list(things))
        done.set()

    queue = Batches("things", write, gather_s=0.001)
    queue.start()
    queue.put(1)
    await asyncio.sleep(0)  # the writer has seen the first, and gathers
    queue.put(2)
    await done.wait()
    await queue.close()

    assert written == [[1, 2]]
