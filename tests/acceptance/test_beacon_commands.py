"""Commands of tasks as real processes: what they say is bounded, and nothing of them is left."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drover.workers.beacon.commands import Place, kill_all, run_command
from drover.workers.beacon.output import Output
from drover.workers.beacon.tasks import CommandTask

STUBBORN = "trap '' TERM INT HUP; echo ready; while :; do sleep 0.05; done"


class Lines(list):
    """Lines of an output, and an event for the first."""

    def __init__(self):
        super().__init__()
        self.first = asyncio.Event()

    def tell(self, line):
        self.append(line)
        self.first.set()


async def run(folder, command, grace_s=5.0, **given):
    output = Output(1000, 10_000, [].append)
    task = CommandTask(command=command, **given)
    result = await run_command(task, output, Place(folder, {"DROVER_TASK": "1"}, grace_s))
    return result, output


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has cleared away does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def gone(*pids: int) -> None:
    async with asyncio.timeout(60):
        while any(map(alive, pids)):
            await asyncio.sleep(0.02)


async def test_output_and_errors_are_taken_in_their_order(tmp_path):
    result, output = await run(tmp_path, "echo one; echo two >&2; echo three")

    assert (result.status, result.exit_code) == ("succeeded", 0)
    assert output.tail == "one\ntwo\nthree\n"


async def test_a_list_is_program_and_arguments_without_a_shell(tmp_path):
    _, output = await run(tmp_path, ["printf", "%s|", "a b", "$HOME", "*", ""])

    assert output.tail == "a b|$HOME|*||"


async def test_commands_run_in_the_folder_of_the_job_with_their_own_variables(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("DROVER_USERKEY", "drover_u_secret")
    (tmp_path / "sub").mkdir()

    _, output = await run(
        tmp_path,
        "pwd; echo $COLOUR $DROVER_TASK; env | grep secret",
        env={"COLOUR": "red"},
        cwd="sub",
    )

    assert output.tail == f"{tmp_path}/sub\nred 1\n"


async def test_nothing_can_be_read_from_standard_input(tmp_path):
    result, output = await run(tmp_path, "cat; echo over")

    assert result.exit_code == 0
    assert output.tail == "over\n"


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        ("exit 3", 3, "status 3"),
        ("kill -9 $$", 137, "SIGKILL"),
        (["/does/not/exist"], 127, "status 127"),
    ],
)
async def test_a_command_that_fails_says_how(tmp_path, command, code, reason):
    result, _ = await run(tmp_path, command)

    assert (result.status, result.exit_code) == ("failed", code)
    assert reason in result.error


@pytest.mark.parametrize(
    "given",
    [
        {"command": "a\0b"},
        {"command": "true", "cwd": "not there"},
        {"command": "true", "env": {"A=B": "1"}},
        {"command": "true", "env": {"A": "\0"}},
        {"command": "true", "env": {"A": "\ud800"}},
        {"command": ["true", "x" * 3_000_000]},
    ],
)
async def test_a_command_that_cannot_be_started_says_why(tmp_path, given):
    result, _ = await run(tmp_path, **given)

    assert result.status == "failed"
    assert "cannot be started" in result.error


async def test_an_output_without_end_takes_no_memory_and_no_room(tmp_path):
    lines = Lines()
    output = Output(1000, 10_000, lines.tell)
    task = CommandTask(command="head -c 50000000 /dev/zero; yes | head -c 5000000")

    result = await run_command(task, output, Place(tmp_path, {}, 5.0))

    assert result.exit_code == 0
    assert output.size == 55_000_000
    assert len(output.tail) == 1000
    assert sum(map(len, lines)) < 20_000


async def test_what_a_command_leaves_running_ends_with_it(tmp_path):
    result, output = await run(tmp_path, "sleep 1000 & echo $!; sleep 1001 & echo $!; exit 0")

    assert result.exit_code == 0
    await gone(*map(int, output.tail.split()))


async def test_one_that_waits_for_all_children_does_not_wait_for_ours(tmp_path):
    script = "import os\ntry:\n while True: os.wait()\nexcept ChildProcessError: print('none')"

    _, output = await run(tmp_path, [sys.executable, "-c", script])

    assert output.tail == "none\n"


async def test_cancelled_a_command_may_end_in_order(tmp_path):
    lines = Lines()
    output = Output(1000, 10_000, lines.tell)
    task = CommandTask(command="trap 'echo tidied; exit' TERM; echo ready; sleep 1000 & wait")
    running = asyncio.create_task(run_command(task, output, Place(tmp_path, {}, 30.0)))
    await lines.first.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert output.tail == "ready\ntidied\n"


async def test_one_that_does_not_listen_is_killed_with_all_it_started(tmp_path):
    lines = Lines()
    output = Output(1000, 10_000, lines.tell)
    task = CommandTask(command=f"echo $$; sleep 1000 & echo $!; {STUBBORN}")
    running = asyncio.create_task(run_command(task, output, Place(tmp_path, {}, 0.2)))
    async with asyncio.timeout(60):
        while len(lines) < 3:
            await asyncio.sleep(0.02)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await gone(int(lines[0]), int(lines[1]))


async def test_all_commands_can_be_ended_at_once(tmp_path):
    lines = Lines()
    output = Output(1000, 10_000, lines.tell)
    task = CommandTask(command=STUBBORN)
    running = asyncio.create_task(run_command(task, output, Place(tmp_path, {}, 1000.0)))
    await lines.first.wait()

    kill_all()

    assert (await running).exit_code == 137


def test_commands_end_with_an_agent_that_is_killed(tmp_path):
    program = f"""
import asyncio, pathlib
from drover.workers.beacon.commands import Place, run_command
from drover.workers.beacon.output import Output
from drover.workers.beacon.tasks import CommandTask

task = CommandTask(command="echo $$; sleep 1000 & echo $!; {STUBBORN.replace('"', "")}")
say = lambda line: print(line, flush=True)
asyncio.run(run_command(task, Output(9, 999, say), Place(pathlib.Path("/"), {{}}, 5.0)))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as agent:
        pids = [int(agent.stdout.readline()) for _ in range(2)]
        assert all(map(alive, pids))

        agent.send_signal(signal.SIGKILL)

    until = time.monotonic() + 60
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(alive, pids))


async def test_files_of_commands_do_not_pile_up(tmp_path):
    open_before = open_files()

    for _ in range(5):
        await run(tmp_path, "true")
        await run(tmp_path, "true", cwd="not there")

    assert open_files() <= open_before + 1
