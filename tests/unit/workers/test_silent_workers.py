"""For how long a worker has been silent: not longer than somebody listened."""

import os
from types import SimpleNamespace

import pytest

from drover.workers import process
from drover.workers.process import WorkerProcess

EVERY_S = 1.0


class Heard:
    """A worker process that is only listened to, by a clock of the test."""

    def __init__(self, monkeypatch):
        self.now_s = 100.0
        clock = SimpleNamespace(monotonic=lambda: self.now_s)
        monkeypatch.setattr(process, "time", clock)
        self._worker = WorkerProcess(None)
        self._worker._beat, self._theirs = os.pipe()
        os.set_blocking(self._worker._beat, False)

    def beat(self):
        os.write(self._theirs, b".")

    def after(self, seconds):
        self.now_s += seconds
        return self._worker.hear(EVERY_S)

    def close(self):
        os.close(self._worker._beat)
        os.close(self._theirs)


@pytest.fixture
def worker(monkeypatch):
    heard = Heard(monkeypatch)
    yield heard
    heard.close()


def test_one_that_says_nothing_is_silent_for_as_long_as_was_listened(worker):
    assert [worker.after(EVERY_S) for _ in range(3)] == [1, 2, 3]


def test_a_sign_of_life_ends_the_silence(worker):
    worker.after(EVERY_S)
    worker.beat()

    assert [worker.after(EVERY_S), worker.after(EVERY_S)] == [0, 1]


def test_while_nobody_listened_a_worker_is_hardly_silent(worker):
    assert worker.after(3600) == 2 * EVERY_S
