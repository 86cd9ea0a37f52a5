"""Why an execution that has not ended does nothing, or not more."""

from __future__ import annotations

import pytest
from msgspec import structs

from drover.app.jobs.waiting import why_it_waits
from drover.model.execution import State
from drover.model.run import RESOURCE_JOB, Execution, Pace

NOW_MS = 1_000_000


def execution(state=State.RUNNING, **changes):
    made = Execution(
        number=1,
        id="a" * 24,
        kind=RESOURCE_JOB,
        name="job",
        application_id=None,
        owner_id=None,
        job_id=None,
        state=state,
        pace=Pace(concurrency=10),
        detail=b"{}",
        error=None,
        source=None,
        cancel_source=None,
        cancel_requested=False,
        retry_of=None,
        unique_key=None,
        requested_ms=0,
        due_ms=0,
        started_ms=None,
        completed_ms=None,
        deadline_ms=None,
        queue=None,
        priority=0,
        worker=None,
        lease_until_ms=None,
        tries=0,
        total=100,
        claimed=0,
        in_flight=0,
        waiting=0,
        succeeded=0,
        failed=0,
        timed_out=0,
        cursor="",
        fence=0,
        next_claim_ms=0,
        accumulator=None,
        report_key=None,
        result=None,
    )
    return structs.replace(made, **changes)


@pytest.mark.parametrize(
    ("state", "changes", "told"),
    [
        (State.NEW, {}, "Nobody has asked"),
        (State.QUEUED, {"due_ms": NOW_MS + 90_000}, "begins in 90 s"),
        (State.QUEUED, {"worker": "here"}, "being chosen"),
        (State.QUEUED, {"requested_ms": NOW_MS - 9000}, "waits for a server"),
        (State.QUEUED, {}, "for 1000 s: one with the role engine"),
        (State.RUNNING, {"started_ms": NOW_MS - 60_000}, "no engine is alive"),
        (State.PAUSED, {"in_flight": 3}, "3 that have begun"),
        (State.PAUSED, {}, "until it is resumed."),
        (State.CANCELING, {"in_flight": 2}, "2 that have begun"),
        (State.FAILING, {}, "Nothing more begins."),
        (State.RUNNING, {"in_flight": 10}, "At most 10 run at once: 90 wait"),
        (State.RUNNING, {"next_claim_ms": NOW_MS + 2500}, "the next begins in 2.5 s"),
        (State.RUNNING, {"in_flight": 4, "succeeded": 96}, "4 are to be acknowledged within 60 s"),
        (State.RUNNING, {"waiting": 5, "succeeded": 95}, "5 wait to be tried again"),
    ],
)
def test_the_reason_is_told(state, changes, told):
    assert told in why_it_waits(execution(state, **changes), NOW_MS)


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        (State.RUNNING, {"in_flight": 5, "started_ms": NOW_MS - 60_000}),
        (State.RUNNING, {"started_ms": NOW_MS - 1000}),
        (State.RUNNING, {"succeeded": 100}),
        (State.SUCCEEDED, {}),
        (State.FAILED, {}),
        (State.CANCELED, {}),
    ],
)
def test_what_works_or_has_ended_waits_for_nothing(state, changes):
    assert why_it_waits(execution(state, **changes), NOW_MS) is None


def test_the_moment_of_the_next_try_is_told_where_it_is_known():
    waiting = execution(State.RUNNING, waiting=5, succeeded=95)

    assert "the first in 2.0 s" in why_it_waits(waiting, NOW_MS, NOW_MS + 2000)
