"""An agent for a test, its functions, and no pauses."""

from __future__ import annotations

import pytest

from drover.handlers import REGISTERED
from drover.workers.beacon import agent as agent_module
from drover.workers.beacon import job_run
from drover.workers.beacon.agent import Agent
from drover.workers.beacon.backoff import Backoff
from drover.workers.beacon.settings import AgentSettings


@pytest.fixture
def no_waits(monkeypatch):
    monkeypatch.setattr(Backoff, "next_s", lambda *_: 0.0)
    monkeypatch.setattr(job_run, "LINES_EVERY_S", 0.0)
    monkeypatch.setattr(job_run, "FIRST_BEAT_S", 60.0)
    monkeypatch.setattr(agent_module, "LEAST_S", 0.0)


@pytest.fixture
def functions():
    """Functions that tasks may call, for one test."""
    before = dict(REGISTERED)
    yield REGISTERED
    REGISTERED.clear()
    REGISTERED.update(before)


@pytest.fixture
def agent_of(tmp_path):
    def make(work, **settings):
        given = {"spool": tmp_path / "spool", "once": True, "beat_s": 60.0, **settings}
        return Agent(work, AgentSettings(**given))

    return make
