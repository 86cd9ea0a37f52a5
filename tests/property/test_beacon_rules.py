"""The rules of beacon jobs: whatever is done to one, it stays within the table of moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from drover.model import beacon_job as rules
from drover.model.beacon_job import BEACON, TEMPLATE, BeaconJob, Hold, JobConflict, Pick
from drover.model.errors import Invalid
from drover.model.execution import MOVES, State

NOW = 1_000_000


def job(**changes):
    """Return a job that waits in a queue."""
    plain = BeaconJob(
        number=1, id="a" * 24, kind=BEACON, name="job", owner_id="b" * 24, user_number=1,
        user_guid="g", beacon_name="default", state=State.QUEUED, tasks=b"[]", steps=3, step=0,
        requested_ms=0, queued_ms=0, due_ms=0, picked_ms=None, started_ms=None, completed_ms=None,
        result=None, error=None, duplicate_of=None, cancel_requested=False, priority=0, tries=0,
        max_attempts=3, retry_delay_ms=0, timeout_ms=0, asked_lease_ms=None, lease_ms=None,
        lease_until_ms=None, ends_ms=None, worker=None, fence=0, labels=(), unique_key=None,
        callback_url=None,
    )  # fmt: skip
    return structs.replace(plain, **changes)


def reachable(state):
    """Return the states that moves of the table lead to, in any number of steps, itself too."""
    found, left = {state}, [state]
    while left:
        for goal in MOVES[left.pop()] - found:
            found.add(goal)
            left.append(goal)
    return found


def _cancelled(job):
    """Do what the inventory of jobs does when one is cancelled."""
    if job.state in rules.WAITING:
        return structs.replace(job, state=State.CANCELED, completed_ms=NOW, cancel_requested=True)
    if job.state is State.RUNNING:
        return structs.replace(job, state=State.CANCELING, cancel_requested=True)
    return job


holds = st.builds(
    Hold,
    worker=st.sampled_from([None, "a", "b"]),
    fence=st.one_of(st.none(), st.integers(0, 4)),
)
deeds = st.one_of(
    st.tuples(st.just("pick"), holds),
    st.tuples(st.just("start"), holds),
    st.tuples(st.just("update"), holds),
    st.tuples(st.just("beat"), holds),
    st.tuples(st.just("end"), holds),
    st.tuples(st.just("fail"), holds),
    st.tuples(st.just("release"), holds),
    st.tuples(st.just("expire"), holds),
    st.tuples(st.just("cancel"), holds),
)


def _do(deed, hold, job, now_ms):
    asked = Pick(hold=hold)
    return {
        "pick": lambda: rules.pick(job, asked, now_ms),
        "start": lambda: rules.start(job, asked, now_ms),
        "update": lambda: rules.update(job, hold, 1, now_ms),
        "beat": lambda: rules.beat(job, hold, now_ms),
        "end": lambda: rules.end(job, hold, b"[1]", None, now_ms),
        "fail": lambda: rules.end(job, hold, b"[]", "broke", now_ms),
        "release": lambda: rules.release(job, hold, now_ms),
        "expire": lambda: rules.expire(job, now_ms) if job.state in rules.HELD else job,
        "cancel": lambda: _cancelled(job),
        "log": lambda: rules.check_log(job, hold),
    }[deed]()


@given(
    st.lists(st.tuples(deeds, st.integers(0, 400_000)), max_size=25),
    st.sampled_from([State.NEW, State.QUEUED]),
    st.sampled_from([0, 1000]),
)
def test_whatever_is_done_in_any_order_a_job_keeps_to_the_table_and_its_clocks(
    steps, state, timeout_ms
):
    now = job(state=state, queued_ms=None if state is State.NEW else 0, timeout_ms=timeout_ms)
    now_ms = NOW
    for (deed, hold), passed_ms in steps:
        now_ms += passed_ms
        try:
            after = _do(deed, hold, now, now_ms)
        except JobConflict as refusal:
            assert refusal.job is now
            continue

        assert after.state in reachable(now.state)
        assert (after.completed_ms is not None) == after.state.is_final
        assert after.fence >= now.fence
        assert not now.state.is_final or after == now
        if after.state in rules.WAITING:
            assert after.worker is after.lease_until_ms is after.picked_ms is None
        if after.state is State.RUNNING:
            assert after.lease_until_ms is not None
        if after.state in rules.HELD and now.state in rules.WAITING:
            assert after.fence == now.fence + 1
        now = after


@pytest.mark.parametrize("act", ["start", "update", "beat", "end", "release", "log"])
def test_nobody_but_who_has_the_job_may_do_anything_with_it(act):
    held = rules.pick(job(), Pick(hold=Hold(worker="a")), NOW)
    for other in (Hold(worker="b"), Hold(fence=held.fence + 1), Hold(fence=held.fence - 1)):
        with pytest.raises(JobConflict):
            _do(act, other, held, NOW)


def test_a_template_is_worked_on_by_nobody():
    template = job(kind=TEMPLATE, state=State.NEW)

    for deed in ("pick", "start", "update", "beat", "end", "release"):
        with pytest.raises(JobConflict):
            _do(deed, Hold(), template, NOW)
    for check in (lambda: rules.check_cancel(template), lambda: rules.check_log(template, Hold())):
        with pytest.raises(JobConflict):
            check()
    assert template.status == rules.SCHEDULED


def test_a_heartbeat_for_a_job_that_nobody_has_is_refused():
    with pytest.raises(JobConflict):
        rules.beat(job(), Hold(), NOW)


def test_the_words_cover_every_state():
    assert set(rules.WORDS) == set(State)
    assert {job(state=state).status for state in State} <= set(rules.STATUSES)


def test_a_lease_is_the_pickups_then_the_jobs_then_the_servers():
    default = Pick(default_lease_ms=7000)

    assert rules.pick(job(), default, NOW).lease_until_ms == NOW + 7000
    assert rules.pick(job(asked_lease_ms=5000), default, NOW).lease_ms == 5000
    asked = structs.replace(default, lease_ms=0)
    assert rules.pick(job(asked_lease_ms=5000), asked, NOW).lease_until_ms is None


@pytest.mark.parametrize("step", [-1, 4])
def test_a_task_that_is_not_there_cannot_be_worked_on(step):
    with pytest.raises(Invalid):
        rules.update(job(), Hold(), step, NOW)


def test_time_that_is_over_fails_a_job_for_good_and_a_lease_only_at_last():
    held = rules.pick(job(timeout_ms=10, max_attempts=2), Pick(), NOW)

    assert rules.expire(held, NOW + 10).error == rules.TIMED_OUT
    again = rules.expire(held, NOW)
    assert (again.state, again.tries, again.is_dead) == (State.QUEUED, 1, False)
    dead = rules.expire(rules.pick(again, Pick(), NOW), NOW)
    assert (dead.error, dead.is_dead) == (rules.LEASE_EXPIRED, True)
