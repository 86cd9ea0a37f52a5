"""A broker ends with its server, at once: one that is asked to stop acknowledges on meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

PATIENCE_S = 60

SERVER = """
import subprocess, sys
from drover.mqtt.broker import die_with_parent

broker = [sys.executable, "-c", sys.argv[1]]
child = subprocess.Popen(broker, preexec_fn=die_with_parent, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""

BROKER = """
import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("runs", flush=True)
while True:
    signal.pause()
"""


def lives(process: psutil.Process) -> bool:
    """Whether it has not ended; who ended may wait for somebody to take note of it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell of a parent's end")
def test_a_broker_is_ended_with_a_server_that_is_killed_whatever_it_does_when_asked_to_stop():
    command = [sys.executable, "-c", SERVER, BROKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        broker = psutil.Process(int(server.stdout.readline()))

        server.kill()

        try:
            ends = time.monotonic() + PATIENCE_S
            while lives(broker):
                assert time.monotonic() < ends
                time.sleep(0.05)
        finally:
            if lives(broker):
                broker.kill()
