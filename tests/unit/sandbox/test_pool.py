"""The pool of children: order, fairness, deaths, refusals and a clean end."""

import asyncio
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drover.ports.scripts import Scripts, ScriptsUnavailable
from drover.sandbox import cage
from drover.sandbox.pool import CagedScripts, Limits

ONE = Limits(children=1)
BUSY = "const end = Date.now() + payload; while (Date.now() < end);"


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_many_payloads_come_back_in_order_from_several_children():
    payloads = [{"n": number, "at": datetime(2020, 1, 1, tzinfo=UTC)} for number in range(700)]

    async with CagedScripts(Limits(children=2)) as pool:
        scripts: Scripts = pool
        results = await scripts.run("payload.twice = payload.n * 2", payloads)

    assert [result.payload for result in results] == [
        {**one, "twice": one["n"] * 2} for one in payloads
    ]


async def test_no_payloads_need_no_child():
    assert await CagedScripts(ONE).run("return 1", []) == []


async def test_calls_of_one_owner_and_of_none_give_the_same():
    async with CagedScripts(ONE) as pool:
        for owner in ("flow", "flow", "", "other"):
            results = await pool.run("return typeof x + (x = payload)", [1, 2], owner=owner)

            assert [result.payload for result in results] == ["undefined1", "undefined2"]


async def test_a_short_call_does_not_wait_for_the_end_of_a_long_one():
    async with CagedScripts(ONE) as pool:
        long = asyncio.create_task(pool.run(BUSY, [40] * 60))
        await asyncio.sleep(0)

        await pool.run("return 1", [1])

        assert not long.done()
        assert len(await long) == 60


async def test_a_child_killed_by_another_hand_costs_nobody_a_result():
    async with CagedScripts(ONE) as pool:
        running = asyncio.create_task(pool.run(f"{BUSY} return 'ran'", [50] * 6))
        (pid,) = pool.pids
        asyncio.get_running_loop().call_later(0.1, os.kill, pid, signal.SIGKILL)

        results = await running
        await pool.run("return 1", [1])  # whatever it was doing when it was killed

        assert [result.payload for result in results] == ["ran"] * 6
        assert pool.pids != {pid}


async def test_a_child_killed_while_idle_is_replaced():
    async with CagedScripts(ONE) as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)

        results = await pool.run("return payload", [1, 2])

        assert [result.payload for result in results] == [1, 2]
        assert pool.pids != {pid}


async def test_a_payload_that_is_stopped_costs_the_others_nothing():
    stubborn = "async function f() { for (;;); } if (payload === 3) for (;;) f(); return payload"

    async with CagedScripts(ONE) as pool:
        results = await pool.run(stubborn, list(range(6)), timeout_ms=100)

    assert [result.payload for result in results if not result.failed] == [0, 1, 2, 4, 5]
    assert results[3].payload.name == "Timeout"


async def test_a_child_that_was_held_up_is_waited_for_and_nobody_is_blamed(monkeypatch):
    looks = []
    processor_s = cage.Cage._processor_s

    def looked_at(one):
        looks.append(processor_s(one))
        if len(looks) > 1:  # the first one is the beginning
            os.kill(one.pid, signal.SIGCONT)
        return looks[-1]

    monkeypatch.setattr(cage.Cage, "_processor_s", looked_at)
    async with CagedScripts(ONE) as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)

        results = await pool.run("return payload", [1, 2], timeout_ms=200)

        assert [result.payload for result in results] == [1, 2]
        assert (len(looks), pool.pids) == (2, {pid})


async def test_a_child_that_never_gets_on_is_given_up(monkeypatch):
    monkeypatch.setattr(cage, "_CHANCES", 1)
    async with CagedScripts(ONE) as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)

        results = await pool.run("return payload", [1], timeout_ms=1)

        assert results[0].payload.name == "Timeout"


async def test_a_child_is_renewed_after_its_share_of_requests():
    async with CagedScripts(Limits(children=1, recycle_after=2)) as pool:
        seen = []
        for _ in range(4):
            await pool.run("return 1", [1])
            seen.append(pool.pids)

    assert seen[0] == seen[1] != seen[2] == seen[3]


async def test_a_call_that_is_given_up_frees_its_child():
    async with CagedScripts(ONE) as pool:
        given_up = asyncio.create_task(pool.run(BUSY, [100] * 100))
        await asyncio.sleep(0)
        given_up.cancel()

        results = await pool.run("return payload", [1])

        assert results[0].payload == 1
        with pytest.raises(asyncio.CancelledError):
            await given_up


async def test_too_many_open_calls_are_refused():
    async with CagedScripts(Limits(children=1, open_runs=1)) as pool:
        first = asyncio.create_task(pool.run(BUSY, [30]))
        await asyncio.sleep(0)

        with pytest.raises(ScriptsUnavailable):
            await pool.run("return 1", [1])

        assert not (await first)[0].failed


async def test_a_pool_that_is_not_started_or_closed_refuses():
    pool = CagedScripts(ONE)
    with pytest.raises(ScriptsUnavailable):
        await pool.run("return 1", [1])

    await pool.start()
    await pool.close()
    await pool.close()

    with pytest.raises(ScriptsUnavailable):
        await pool.run("return 1", [1])


async def test_closing_ends_the_children_and_the_calls():
    pool = CagedScripts(Limits(children=2))
    await pool.start()
    pids = pool.pids
    calls = [asyncio.create_task(pool.run("for (;;);", [1])) for _ in range(5)]
    await asyncio.sleep(0)

    await pool.close()

    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in ended] == [ScriptsUnavailable] * 5
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    assert pool.pids == frozenset()


async def test_a_pool_can_be_opened_again():
    pool = CagedScripts(ONE)
    for _ in range(2):
        async with pool:
            assert (await pool.run("return 1", [1]))[0].payload == 1


@pytest.mark.parametrize(
    "program", ["/nowhere/python", "/bin/false"], ids=["missing", "ends at once"]
)
async def test_a_child_that_cannot_start_is_told(monkeypatch, program):
    monkeypatch.setattr(cage.sys, "executable", program)

    with pytest.raises(ScriptsUnavailable):
        await CagedScripts(Limits(children=2)).start()


async def test_an_engine_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(cage.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(ScriptsUnavailable, match="quickjs-ng"):
        await CagedScripts(ONE).start()


async def test_a_call_is_told_when_no_new_child_can_be_started(monkeypatch):
    async with CagedScripts(ONE) as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        monkeypatch.setattr(cage.sys, "executable", "/nowhere/python")
        with pytest.raises(ScriptsUnavailable):
            await pool.run("return 1", [1])
        monkeypatch.undo()

        assert (await pool.run("return 1", [1]))[0].payload == 1


async def test_a_child_that_answers_nonsense_is_not_believed(monkeypatch):
    async with CagedScripts(ONE) as pool:
        monkeypatch.setattr(
            cage.frames, "parse_records", lambda _: [cage.frames.Record(9, 0, b"1", b"")]
        )

        results = await pool.run("return 1", [1])

        assert results[0].payload.name == "MemoryLimit"


async def test_a_reply_of_absurd_length_is_not_believed(monkeypatch):
    async with CagedScripts(ONE) as pool:
        monkeypatch.setattr(cage, "_LARGEST_REPLY", 1)

        results = await pool.run("return 1", [1])

        assert results[0].payload.name == "MemoryLimit"


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="a child's folder in /proc belongs to root"
)
async def test_a_child_holds_nothing_but_its_line_and_its_progress_page():
    async with CagedScripts(ONE) as pool:
        (pid,) = pool.pids
        home = Path(f"/proc/{pid}")

        descriptors = sorted(str(one.readlink()).split(":")[0] for one in (home / "fd").iterdir())
        limits = (home / "limits").read_text()

        assert descriptors == ["/dev/null", "/memfd", "socket", "socket"]
        assert (home / "environ").read_bytes() == b""
        assert "NoNewPrivs:\t1" in (home / "status").read_text()
        assert (home / "cwd").readlink() == Path("/")
        assert os.getsid(pid) == pid
        for limit in ("Max file size", "Max processes", "Max core file size"):
            assert limits.split(limit)[1].split()[:2] == ["0", "0"]
        assert int(limits.split("Max address space")[1].split()[0]) < 700 << 20


async def test_children_end_when_their_parent_is_gone():
    program = (
        "import asyncio, os\n"
        "from drover.sandbox.pool import CagedScripts, Limits\n"
        "async def main():\n"
        "    pool = CagedScripts(Limits(children=2))\n"
        "    await pool.start()\n"
        "    print(*pool.pids, flush=True)\n"
        "    os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    root = str(Path(cage.__file__).parents[2])
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": root}
    )
    printed, _ = await parent.communicate()

    pids = [int(word) for word in printed.split()]
    assert len(pids) == 2
    async with asyncio.timeout(60):
        while not all(gone(pid) for pid in pids):
            await asyncio.sleep(0.02)


async def test_a_start_that_is_called_off_leaves_no_child(monkeypatch):
    started: list[cage.Cage] = []
    entered, released = threading.Event(), threading.Event()
    start = cage._start

    def wait_and_start(memory_bytes: int) -> cage.Cage:
        entered.set()
        released.wait(60)
        started.append(start(memory_bytes))
        return started[0]

    monkeypatch.setattr(cage, "_start", wait_and_start)
    opening = asyncio.create_task(cage.Cage.open(1 << 24))
    await asyncio.to_thread(entered.wait, 60)
    opening.cancel()
    released.set()

    with pytest.raises(asyncio.CancelledError):
        await opening

    assert gone(started[0].pid)


async def test_a_wait_for_a_child_that_is_called_off_leaves_no_child(monkeypatch):
    started: list[cage.Cage] = []

    async def never(one: cage.Cage) -> None:
        started.append(one)
        raise asyncio.CancelledError

    monkeypatch.setattr(cage.Cage, "ready", never)

    with pytest.raises(asyncio.CancelledError):
        await cage.Cage.open(1 << 24)

    assert gone(started[0].pid)
