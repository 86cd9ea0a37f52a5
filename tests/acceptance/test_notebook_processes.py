"""The processes of a notebook: what they may take, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from drover.ports.notebooks import Bounds, NotebooksUnavailable
from drover.sandbox.notebooks import child, landlock, runner
from drover.sandbox.notebooks.runner import NotebookProcesses
from tests.acceptance.test_notebooks_run import notebook

BOUNDS = Bounds(seconds=120, memory_bytes=1 << 30, disk_bytes=8 << 20)


async def untold(_done: int, _total: int) -> None:
    """Nobody asks."""


def of(folder: Path) -> list[psutil.Process]:
    """Processes that work in a folder."""
    found = []
    for each in psutil.process_iter():
        try:
            if str(folder) in each.cwd():
                found.append(each)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


async def gone(folder: Path) -> bool:
    """Wait until no process works in a folder: one that was killed may linger."""
    async with asyncio.timeout(60):
        while of(folder):
            await asyncio.sleep(0.02)
    return True


async def ran(folder: Path, bounds: Bounds, *cells: str):
    (folder / "notebook.ipynb").write_bytes(notebook(*cells))
    return await NotebookProcesses().run(str(folder), bounds, untold)


async def test_a_run_that_takes_too_long_is_ended_with_all_its_processes(tmp_path):
    short = Bounds(seconds=4, memory_bytes=1 << 30, disk_bytes=8 << 20)

    end = await ran(tmp_path, short, "while True: pass")

    assert end.end == "timeout"
    assert await gone(tmp_path)


async def test_a_run_that_is_called_off_is_ended_with_all_its_processes(tmp_path):
    begun = asyncio.Event()

    async def told(_done: int, _total: int) -> None:
        begun.set()

    (tmp_path / "notebook.ipynb").write_bytes(notebook("1", "import time; time.sleep(600)"))
    run = asyncio.create_task(NotebookProcesses().run(str(tmp_path), BOUNDS, told))
    async with asyncio.timeout(120):
        await begun.wait()
    assert len(of(tmp_path)) == 2
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)

    assert await gone(tmp_path)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("bytearray(1 << 31)", "MemoryError"),
        ("for i in range(99): open(str(i), 'wb').write(bytes(1 << 20))\nwhile True: pass", "DiskFull"),
        ("import os; os._exit(1)", "DeadKernelError"),
        ("import ctypes; ctypes.string_at(0)", "DeadKernelError"),
    ],
)  # fmt: skip
async def test_what_takes_too_much_or_dies_is_an_error_that_says_so(tmp_path, cell, name):
    end = await ran(tmp_path, BOUNDS, cell)

    assert (end.end, end.name) == ("errored", name)
    assert await gone(tmp_path)


async def test_the_end_waits_for_what_a_process_that_is_gone_has_left(tmp_path):
    for _ in range(10):
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", "sleep 600 & echo begun"),
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        await process.stdout.readline()

        await runner.ended(process)

        assert process.stdout.at_eof()


async def test_what_is_no_notebook_is_an_error(tmp_path):
    (tmp_path / "notebook.ipynb").write_text('{"cells": [], "nbformat": 99}')

    end = await NotebookProcesses().run(str(tmp_path), BOUNDS, untold)

    assert end.end == "errored"


def test_what_is_missing_is_named(monkeypatch):
    assert NotebookProcesses().missing() == ""
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert "shut notebooks away" in NotebookProcesses().missing()
    assert NotebookProcesses(uncaged=True).missing() == ""
    monkeypatch.setattr(runner, "_NEEDED", ("nbclient", "no_such_module"))
    assert "pip install 'drover[notebooks]'" in NotebookProcesses().missing()


async def test_nothing_runs_where_something_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "_NEEDED", ("no_such_module",))

    with pytest.raises(NotebooksUnavailable):
        await NotebookProcesses().run(str(tmp_path), BOUNDS, untold)


async def test_a_child_that_cannot_be_shut_away_runs_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(child.cage, "enter", lambda _folder, _bounds: False)
    monkeypatch.setattr(sys, "argv", ["x"])

    child.main(str(tmp_path), '{"html": 0, "memory_bytes": 1, "file_bytes": 1, "uncaged": false}')

    assert "cannot shut" in capsys.readouterr().out
