"""Waiting, logging, shortening: the small rules of an agent."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest

from drover.app.beacons.logs import MOST_LINES as MOST_LINES_OF_A_LOG
from drover.client import BeaconJob, ClientError, ServerUnreachable
from drover.client.beacon_work import Ending, Wanted
from drover.client.task_records import LogLine
from drover.workers.beacon.backoff import Backoff
from drover.workers.beacon.commands import environment
from drover.workers.beacon.deliveries import longest_wait_s, shortened, was_accepted
from drover.workers.beacon.job_log import (
    BATCH_CHARACTERS,
    BATCH_LINES,
    MOST_CHARACTERS,
    MOST_WAITING,
    JobLog,
    clock_by,
)
from drover.workers.beacon.job_log import MOST_LINES as MOST_LINES_OF_A_JOB
from drover.workers.beacon.output import MOST_LINES, Output
from drover.workers.beacon.running import SteadyLog
from drover.workers.beacon.settings import (
    AgentSettings,
    SettingError,
    check,
    default_spool,
    prepare,
)
from drover.workers.beacon.spool import Finished


def test_waits_grow_with_full_jitter_up_to_their_most_and_begin_anew():
    limits = []
    backoff = Backoff(1, 5, lambda least, most: limits.append((least, most)) or most)

    waits = [backoff.next_s() for _ in range(5)]
    backoff.reset()

    assert waits == [1, 2, 4, 5, 5]
    assert limits == [(0, each) for each in waits]
    assert backoff.next_s() == 1


def test_the_server_may_ask_for_a_longer_wait_but_not_for_ever():
    backoff = Backoff(1, 5, lambda _least, _most: 0.5)

    assert (backoff.next_s(2.0), backoff.next_s(10_000.0)) == (2.5, 5.5)


def test_lines_keep_their_numbers_until_they_are_accepted():
    log = JobLog(now_s=lambda: 99.5)
    log.tell("a")
    log.tell("b")
    first = log.batch()
    log.tell("c")

    assert log.batch() == first
    assert [line.seq for line in log.left()] == [1, 2, 3]
    log.accepted()
    assert [(line.seq, line.line, line.time) for line in log.batch()] == [(3, "c", 99)]
    log.accepted()
    assert not log


def test_lines_of_another_pickup_have_other_numbers():
    first, second, unknown = JobLog(1), JobLog(2), JobLog(0)
    for log in (first, second, unknown):
        log.tell("a")

    assert [log.batch()[0].seq for log in (first, second, unknown)] == [1, 1_000_000_001, 1]


def test_batches_are_bounded_in_lines_and_in_size():
    many, large = JobLog(), JobLog()
    for _ in range(BATCH_LINES + 1):
        many.tell("x")
    for _ in range(3):
        large.tell("x" * (BATCH_CHARACTERS - 1))

    assert len(many.batch()) == BATCH_LINES
    assert len(large.batch()) == 1


def test_a_server_that_is_away_for_long_costs_the_oldest_lines_that_were_not_sent():
    log = JobLog()
    for number in range(MOST_WAITING):
        log.tell(str(number))
    sent = log.batch()
    for number in range(3):
        log.tell(f"late {number}")

    said, first = log.left()[BATCH_LINES:][:2]

    assert log.batch() == sent
    assert said.line.startswith("[3 lines are missing here")
    assert said.seq == BATCH_LINES + 3
    assert (first.line, first.seq) == (str(BATCH_LINES + 3), BATCH_LINES + 4)


def test_lines_given_up_later_are_counted_anew():
    log = JobLog()
    for number in range(MOST_WAITING + 1):
        log.tell(str(number))
    assert log.batch()[0].line.startswith("[1 line is missing here")
    log.accepted()
    for number in range(MOST_WAITING):
        log.tell(str(number))

    assert len(log.left()) == MOST_WAITING + 1
    assert log.left()[0].line.startswith(f"[{MOST_WAITING + 1 - BATCH_LINES} lines are missing")


def test_the_lines_of_a_job_that_wait_are_bounded_in_characters():
    log = JobLog()
    for number in range(MOST_CHARACTERS // 4000 + 100):
        log.tell(f"{number:0>4000}")

    said, *kept = log.left()

    assert sum(len(each.line) for each in kept) <= MOST_CHARACTERS
    assert said.line.startswith(f"[{MOST_CHARACTERS // 4000 + 100 - len(kept)} lines are missing")
    assert len(kept) == MOST_CHARACTERS // 4000


def test_a_job_tells_no_more_lines_than_a_server_takes():
    log, taken = JobLog(), []
    for number in range(MOST_LINES_OF_A_JOB + 10):
        log.tell(str(number))
        if number % BATCH_LINES == 0:
            taken += log.batch()
            log.accepted()
    while log:
        taken += log.batch()
        log.accepted()

    assert [each.line for each in taken[:-1]] == list(map(str, range(MOST_LINES_OF_A_JOB)))
    assert taken[-1].line == "[what follows is not logged: more than 99,900 lines of this job]"


def test_the_last_lines_are_told_of_a_job_that_nobody_heard_while_it_told_too_many():
    log = JobLog()
    for number in range(MOST_LINES_OF_A_JOB + MOST_WAITING):
        log.tell(str(number))

    said, *kept = log.left()

    assert said.line.startswith(f"[{MOST_LINES_OF_A_JOB} lines are missing")
    assert kept[-1].line == str(MOST_LINES_OF_A_JOB + MOST_WAITING - 1)


def test_ten_tasks_of_very_many_lines_fit_into_the_log_of_a_job():
    log = JobLog()
    taken: list[LogLine] = []

    def tell(line: str) -> None:
        log.tell(line)
        if len(log.left()) == BATCH_LINES:
            taken.extend(log.batch())
            log.accepted()

    for _ in range(10):
        output = Output(100, 1_048_576, tell)
        output.feed(b"y\n" * (MOST_LINES + 1))
        output.finish()
    taken.extend(log.left())

    assert len(taken) == 10 * (MOST_LINES + 1)
    assert len(taken) < MOST_LINES_OF_A_JOB < MOST_LINES_OF_A_LOG


def test_a_log_that_is_refused_takes_no_more_lines():
    log = JobLog()
    log.tell("a")
    log.refused()
    log.tell("b")

    assert not log


def test_an_ending_is_shortened_once_and_then_fails():
    ending = Ending(results=[{"task": 1, "output": "x" * 9000, "value": [1]}, 7])

    small = shortened(ending)

    assert small.results == [{"task": 1, "output": "x" * 500}, 7]
    assert small.failed
    assert "too large" in (small.error or "")
    assert shortened(small) == small


def test_an_ending_that_failed_keeps_its_reason_when_shortened():
    ending = Ending(results=[{"value": 1}], failed=True, error="task 1: no")

    assert shortened(ending).error == "task 1: no"


def refused(job):
    error = ClientError(409, "conflict", "ended")
    error.body = {"job": job}
    return error


@pytest.mark.parametrize(
    ("error", "accepted"),
    [
        (refused({"end_time": 5, "worker": "w", "fence": 3}), True),
        (refused({"end_time": 5, "worker": "w", "fence": 4}), False),
        (refused({"end_time": 5, "worker": "v", "fence": 3}), False),
        (refused({"end_time": None, "worker": "w", "fence": 3}), False),
        (refused(None), False),
        (ClientError(404, "not_found", "gone"), False),
        (ServerUnreachable("away"), False),
    ],
)
def test_a_refusal_means_accepted_only_where_the_job_ended_in_this_attempt(error, accepted):
    job = BeaconJob(id=1, name="n", status="running", worker="w", fence=3)

    assert was_accepted(Finished(url="u", job=job, ending=Ending()), error) is accepted


def test_commands_do_not_see_what_concerns_the_agent():
    own = {"PATH": "/bin", "DROVER_USERKEY": "secret", "DROVER_TOKEN": "secret"}

    assert environment({"DROVER_TASK": "1", "A": "b"}, own) == {
        "PATH": "/bin",
        "DROVER_TASK": "1",
        "A": "b",
    }


def settings(**given):
    return AgentSettings(spool=Path("s"), **given)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (settings(concurrency=0), "concurrency"),
        (settings(wanted=Wanted(wait_s=61)), "wait"),
        (settings(wanted=Wanted(lease_s=9)), "lease"),
        (settings(drain_s=-1), "drain"),
        (settings(beat_s=0), "beat"),
        (settings(task_timeout_s=0), "task-timeout"),
        (settings(allow=frozenset({"shell"})), "not 'shell'"),
        (settings(allow=frozenset()), "allow"),
        (settings(wanted=Wanted(names=("a\x1b[31m",))), "printable"),
        (settings(wanted=Wanted(names=(" ",))), "1 to 200"),
        (settings(wanted=Wanted(names=("x" * 201,))), "1 to 200"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(wrong, named):
    with pytest.raises(SettingError, match=named):
        check(wrong)


def test_the_settings_without_anything_given_are_right():
    check(settings())


def test_the_folders_of_an_agent_are_made_before_it_takes_a_job(tmp_path):
    made = AgentSettings(spool=tmp_path / "a" / "spool", work_dir=tmp_path / "b")

    prepare(made)

    assert (tmp_path / "a" / "spool").is_dir()
    assert (tmp_path / "b").is_dir()


def test_a_folder_that_cannot_be_used_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()

    with pytest.raises(SettingError, match="spool cannot be a folder"):
        prepare(AgentSettings(spool=tmp_path / "file" / "spool"))
    with pytest.raises(SettingError, match="work-dir cannot be a folder"):
        prepare(AgentSettings(spool=tmp_path, work_dir=tmp_path / "file"))
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(SettingError, match="may write in"):
        prepare(AgentSettings(spool=tmp_path))


def test_results_wait_in_the_users_folder_for_state():
    assert default_spool({"XDG_STATE_HOME": "/x"}) == Path("/x/drover/beacon")
    assert default_spool({}).parts[-4:] == (".local", "state", "drover", "beacon")


def test_settings_do_not_hold_the_key():
    assert "key" not in msgspec.json.encode(AgentSettings.__struct_fields__).decode()


def test_a_log_that_has_no_room_ends_no_work():
    class Full:
        def write(self, _text):
            raise OSError(28, "No space left on device")

        flush = write

    log = SteadyLog(Full())

    assert log.write("a line") is None
    assert SteadyLog(io.StringIO()).flush() is None


@pytest.mark.parametrize(("lease", "most_s"), [(10, 2.5), (60, 15), (300, 30), (0, 30), (None, 30)])
def test_results_are_handed_in_again_before_the_lease_of_their_job_runs_out(lease, most_s):
    job = BeaconJob(id=1, name="job", status="running", lease=lease)

    assert longest_wait_s(job) == most_s


def test_a_task_of_very_many_short_lines_leaves_room_for_the_others():
    told: list[str] = []
    output = Output(100, 1_048_576, told.append)

    output.feed(b"y\n" * (MOST_LINES + 7))
    output.finish()

    assert told[:-1] == ["y"] * MOST_LINES
    assert told[-1] == f"[what follows is not logged: more than {MOST_LINES:,} lines]"
    assert output.size == 2 * (MOST_LINES + 7)


@pytest.mark.parametrize("taken_s", [None, 1_000, 1_299])
def test_lines_have_the_time_of_a_clock_that_is_about_right(taken_s):
    clock = clock_by(taken_s, now_s=lambda: 1_000.5, steady_s=lambda: 7.0)

    assert clock() == 1_000.5


@pytest.mark.parametrize("now_s", [0.0, 18_000.0])
def test_lines_go_by_the_servers_clock_where_that_of_the_machine_is_far_off(now_s):
    steady = iter([50.0, 50.0, 53.5])

    clock = clock_by(1_000, now_s=lambda: now_s, steady_s=lambda: next(steady))

    assert [clock(), clock()] == [1_000, 1_003.5]
