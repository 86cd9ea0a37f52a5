"""The client of jobs made of tasks: what it sends, and what it makes of answers."""

from __future__ import annotations

import json

import httpx
import pytest
from msgspec import UNSET

from drover.client import (
    BeaconJob,
    BeaconWork,
    ClientError,
    Cron,
    LogLine,
    NewJob,
    ServerUnreachable,
    TaskJobs,
)
from drover.client.beacon_work import Ending, Wanted

JOB = {"id": 7, "job_id": 7, "name": "n", "status": "queued", "unknown_member": 1}


class Answers:
    """Keeps what was asked, and answers all the same."""

    def __init__(self, answer=JOB, status=200):
        self.asked = []
        self._answer = answer
        self._status = status

    def __call__(self, request):
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, str(request.url), body))
        assert request.headers["authorization"] == "Bearer the-key"
        if self._answer is None:
            return httpx.Response(204)
        return httpx.Response(self._status, json=self._answer)


def over(kind, answers, *args):
    client = kind("http://127.0.0.1:1/", " the-key\n", *args)
    headers = client._http.headers
    client._http.close()
    client._http = httpx.Client(
        base_url=client.url, transport=httpx.MockTransport(answers), headers=headers
    )
    return client


@pytest.mark.parametrize(
    ("job", "sent"),
    [
        (NewJob(name="n"), {"name": "n", "q": True}),
        (NewJob(name="n", queue=False), {"name": "n", "q": False}),
        (NewJob(name="n", q_time=9), {"name": "n", "q_time": 9}),
        (NewJob(name="n", lease=0, queue=False), {"name": "n", "q": False, "lease": 0}),
        (
            NewJob(name="n", user_guid="g", duplicate_of=7),
            {"name": "n", "q": True, "user_guid": "g", "duplicate_of": 7},
        ),
        (
            NewJob(name="n", labels=["a", "b"], q_time=9),
            {"name": "n", "q_time": 9, "labels": "a,b"},
        ),
        (
            NewJob(name="n", cron=Cron(hour="3", end_date=5)),
            {"name": "n", "schedule": True, "hour": "3", "end_date": 5},
        ),
    ],
)
def test_a_new_job_sends_what_was_given_and_no_more(job, sent):
    answers = Answers()

    with over(TaskJobs, answers) as jobs:
        assert jobs.create(job).id == 7

    assert answers.asked == [("POST", "http://127.0.0.1:1/api/jobs?action=create", sent)]


def test_several_jobs_are_made_in_one_request():
    answers = Answers([JOB, {**JOB, "id": 8}])

    with over(TaskJobs, answers) as jobs:
        made = jobs.create_all([NewJob(name="a", tasks=[{"cmd": "x"}]), NewJob(name="b")])

    assert [job.id for job in made] == [7, 8]
    assert answers.asked[0][2] == [
        {"name": "a", "tasks": [{"cmd": "x"}], "q": True},
        {"name": "b", "q": True},
    ]


def test_lists_are_filtered_by_properties_and_blank_finds_what_is_unset():
    answers = Answers([])

    with over(TaskJobs, answers) as jobs:
        assert jobs.list(status="queued", pickup_time="", worker=None) == []

    assert answers.asked[0][1].endswith("?action=list&status=queued&pickup_time=")


def test_every_call_of_a_worker_names_it_and_proves_the_job():
    answers = Answers()
    job = BeaconJob(id=7, name="n", status="running", fence=4)
    taken_before = BeaconJob(id=7, name="n", status="running", fence=4, worker="other")

    with over(BeaconWork, answers, "w", "1.2") as work:
        work.start(job)
        work.update(job, 2)
        work.heartbeat(job)
        work.heartbeat(job, 5)
        work.log(job, [LogLine(seq=1, line="x", time=5)])
        work.release(job)
        work.end(taken_before, Ending(results=[{"a": 1}], failed=True, error="no"))

    proof = {"fence": 4, "worker": "w", "version": "1.2"}
    assert [(url.partition("action=")[2], body) for _, url, body in answers.asked] == [
        ("start", proof),
        ("update", {"cur_task": 2, **proof}),
        ("heartbeat", proof),
        ("heartbeat", {"wait": 5, **proof}),
        ("log", {"lines": [{"seq": 1, "line": "x", "time": 5}], **proof}),
        ("release", proof),
        ("end", {"result": [{"a": 1}], "failed": True, "error": "no", **proof, "worker": "other"}),
    ]


def test_a_job_is_taken_with_names_labels_and_terms():
    answers = Answers()

    with over(BeaconWork, answers, "w") as work:
        taken = work.take_next(Wanted(names=("a", "b"), labels=("gpu",), wait_s=5, lease_s=60))

    assert taken is not None
    assert answers.asked[0][2] == {
        "beacon_name": ["a", "b"],
        "labels": "gpu",
        "wait": 5,
        "lease": 60,
        "worker": "w",
    }


def test_no_job_within_the_time_is_none():
    with over(BeaconWork, Answers(None), "w") as work:
        assert work.take_next(Wanted()) is None


def test_a_refusal_carries_the_code_the_job_and_how_long_to_wait():
    def refuse(_request):
        body = {"error": "ended", "code": "conflict", "job": JOB}
        return httpx.Response(409, json=body, headers={"Retry-After": "3"})

    with over(TaskJobs, refuse) as jobs, pytest.raises(ClientError) as caught:
        jobs.show(7)

    error = caught.value
    assert (error.status, error.type, error.message) == (409, "conflict", "ended")
    assert (error.body["job"]["id"], error.retry_after_s) == (7, 3.0)


@pytest.mark.parametrize("after", ["soon", "-1", "", "1" * 400])
def test_a_wait_that_is_no_number_is_passed_over(after):
    def refuse(_request):
        return httpx.Response(429, json={"error": "slow"}, headers={"Retry-After": after})

    with over(TaskJobs, refuse) as jobs, pytest.raises(ClientError) as caught:
        jobs.show(7)

    assert caught.value.retry_after_s is None


@pytest.mark.parametrize("answer", ["<html>", "[1", "7"])
def test_an_answer_of_something_else_is_no_answer(answer):
    with (
        over(TaskJobs, lambda _: httpx.Response(200, text=answer)) as jobs,
        pytest.raises(ServerUnreachable, match="does not answer as Drover"),
    ):
        jobs.show(7)


def test_the_key_is_in_no_error_and_no_address():
    with (
        TaskJobs("http://127.0.0.1:1", "the-key") as jobs,
        pytest.raises(ServerUnreachable) as caught,
    ):
        jobs.list(userkey=None)

    assert "the-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("*/15 9-17 * jan,jul mon-fri", ["*/15", "9-17", "*", "jan,jul", "mon-fri"]),
        ("hour=3", [UNSET, "3", UNSET, UNSET, UNSET]),
        ("dow=1-5  min=*/5", ["*/5", UNSET, UNSET, UNSET, "1-5"]),
        (" @Daily ", ["0", "0", "*", "*", "*"]),
    ],
)
def test_a_schedule_is_written_as_five_fields_by_name_or_as_a_name(text, fields):
    cron = Cron.of(text, start_date=5)

    assert [cron.min, cron.hour, cron.dom, cron.month, cron.dow] == fields
    assert (cron.start_date, cron.end_date) == (5, UNSET)


@pytest.mark.parametrize(
    "text", ["", "0 3", "0 0 0 * * *", "@reboot", "hour=3 5", "hour=3 hour=4", "sec=5", "=3"]
)
def test_a_schedule_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="a schedule has five fields"):
        Cron.of(text)
