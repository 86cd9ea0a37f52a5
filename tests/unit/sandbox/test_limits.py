"""A process that has entered its limits can do nothing to the world."""

import subprocess
import sys
from pathlib import Path

import pytest

from drover.sandbox import cage, syscalls

LOCKED = """
import os, socket, sys, ctypes, mmap, resource, signal, threading
from drover.sandbox import limits
limits.enter(32 << 20)

def attempt(name, act):
    try:
        act()
    except BaseException as error:
        print(name, type(error).__name__)
    else:
        print(name, "succeeded")

attempt("open", lambda: open("/etc/passwd"))
attempt("write", lambda: open("/tmp/caged", "w"))
attempt("socket", lambda: socket.socket())
attempt("fork", lambda: os.fork())
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("kill", lambda: os.kill(os.getppid(), 0))
attempt("chdir", lambda: os.chdir("/tmp"))
attempt("thread", lambda: threading.Thread(target=print).start())
attempt("memory", lambda: bytearray(1 << 30))
attempt("code", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC))
attempt("limit of another", lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU))
attempt("some memory", lambda: bytearray(1 << 24))
attempt("processor time", lambda: limits.allow_cpu(3))
"""


def locked(program: str) -> subprocess.CompletedProcess[str]:
    *_, package = cage._folders()
    root = str(Path(package).parent)
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env={"PYTHONPATH": root}, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
def test_nothing_is_left_but_memory_and_time():
    printed = locked(LOCKED).stdout

    assert dict(line.rsplit(" ", 1) for line in printed.splitlines()) == {
        "open": "PermissionError",
        "write": "PermissionError",
        "socket": "PermissionError",
        "fork": "PermissionError",
        "exec": "PermissionError",
        "kill": "PermissionError",
        "chdir": "PermissionError",
        "thread": "RuntimeError",
        "memory": "MemoryError",
        "code": "PermissionError",
        "limit of another": "PermissionError",
        "some memory": "succeeded",
        "processor time": "succeeded",
    }


def test_processor_time_beyond_what_was_allowed_ends_the_process():
    program = "from drover.sandbox import limits; limits.allow_cpu(-1)\nwhile True: pass"

    ended = locked(program)

    assert ended.returncode == -24  # SIGXCPU


def test_without_the_filter_the_limits_still_hold():
    program = (
        "import sys, platform; platform.machine = lambda: 'vax'\n"
        "from drover.sandbox import limits; limits.enter(32 << 20)\n"
        "try: open('/etc/passwd')\n"
        "except OSError as error: print(error.errno)\n"
    )

    assert locked(program).stdout.split() == ["24"]


def test_a_platform_that_lacks_a_limit_or_the_filter_does_without(monkeypatch):
    monkeypatch.setattr(syscalls.sys, "platform", "darwin")

    assert syscalls.confine() is False


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_path_of_the_filter_ends(machine):
    steps = syscalls.program(syscalls._MACHINES[machine])

    for place, (code, if_true, if_false, _) in enumerate(steps):
        assert code == syscalls._RETURN or place + 1 + max(if_true, if_false) < len(steps)
    assert steps[-1][0] == syscalls._RETURN
    assert len(steps) < 256
