"""Resource jobs from end to end: a real server, worker processes, the vendor's unmodified client."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from uuid import uuid4

import asyncpg
import httpx
import pytest
from losant_rest import Client, LosantError

from examples.serving import serving

SETTINGS = {
    "min_iteration_timeout_ms": 300,
    "sweep_seconds": 0.2,
    "workers": 1,
    "script_workers": 1,
}
FINAL = {"completed", "errored", "canceled"}


class Shop:
    """The vendor's client over a server of our own, and short names for what tests do with it."""

    def __init__(self, server) -> None:
        self.server = server
        self.client = Client(auth_token=server.client.token, url=server.url)
        self.application = server.application_id()
        self.key = {"applicationId": self.application}

    def devices(self, count, **tags):
        tag = {"key": "batch", "value": uuid4().hex[:8], **tags}
        made = [
            self.client.devices.post(**self.key, device={"name": f"{n:02}", "tags": [tag]})
            for n in range(count)
        ]
        return json.dumps({"tags": {"batch": tag["value"]}}), [each["id"] for each in made]

    def job(self, query="{}", **fields):
        body = {
            "name": "Job", "resourceType": "device", "queryJson": query,
            "maxIterationConcurrency": 10, **fields,
        }  # fmt: skip
        made = self.client.resource_jobs.post(**self.key, resourceJob=body)
        return {**self.key, "resourceJobId": made["resourceJobId"]}

    def flow(self, job, *nodes, trigger="resourceJobIteration"):
        first = nodes[0]["id"]
        wired = [
            {**each, "outputIds": [[nodes[at + 1]["id"]] if at + 1 < len(nodes) else []]}
            for at, each in enumerate(nodes)
        ]
        start = {
            "type": trigger, "key": job["resourceJobId"], "config": {},
            "meta": {"category": "trigger", "name": trigger, "label": "Start"},
            "outputIds": [[first]],
        }  # fmt: skip
        return self.client.flows.post(
            **self.key, flow={"name": "Flow", "triggers": [start], "nodes": wired}
        )

    def execute(self, job, **options):
        answer = self.client.resource_job.execute(**job, executionOptions=options)
        assert answer["success"] is True
        return answer["executionId"]

    def log(self, job, execution_id):
        entries = self.client.resource_job.logs(**job, limit=100)
        return next(entry for entry in entries if entry["id"] == execution_id)

    def ended(self, job, execution_id, seconds=90):
        return self.until(job, execution_id, lambda entry: entry["status"] in FINAL, seconds)

    def until(self, job, execution_id, holds, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            entry = self.log(job, execution_id)
            if holds(entry):
                return entry
            time.sleep(0.05)
        raise AssertionError(entry)

    def report(self, entry):
        answer = httpx.get(entry["executionReportUrl"])
        assert answer.status_code == 200
        return list(csv.DictReader(io.StringIO(answer.text)))

    def ours(self, method, job, end, body=None):
        path = f"/applications/{self.application}/resource-jobs/{job['resourceJobId']}{end}"
        return getattr(self.server.client, method)(path, *([body] if method == "post" else []))


def node(identity, kind, **config):
    return {"id": identity, "type": kind, "config": config, "meta": {"label": identity}}


def acknowledge(success="true", **config):
    return node("ack", "ResourceJobAcknowledgeNode", successExpression=success, **config)


def new_database(server_url):
    """Make an empty database and return its URL."""

    async def make():
        name = f"accept_{uuid4().hex}"
        connection = await asyncpg.connect(server_url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        address, _, query = server_url.partition("?")
        return f"{address.rsplit('/', 1)[0]}/{name}?{query}"

    return asyncio.run(make())


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shop(request):
    more = {}
    if request.param == "postgres":
        more = {"database": new_database(request.getfixturevalue("postgres_server"))}
    with serving(**SETTINGS, **more) as server:
        yield Shop(server)


def test_all_eight_operations(shop):
    job = shop.job(description="first")
    other = shop.job(name="Other")
    assert shop.client.resource_job.get(**job)["description"] == "first"
    changed = shop.client.resource_job.patch(**job, resourceJob={"name": "Renamed"})
    assert changed["name"] == "Renamed"
    listed = shop.client.resource_jobs.get(**shop.key, filterField="name", filter="Ren*")
    assert [item["id"] for item in listed["items"]] == [job["resourceJobId"]]
    query, _ = shop.devices(1)
    execution_id = shop.execute(job, queryJson=query)
    cancelled = shop.client.resource_job.cancel_execution(**job, executionId=execution_id)
    assert cancelled == {"success": True}
    (newest,) = shop.client.resource_job.logs(**job)
    assert newest["id"] == execution_id
    asked_for = shop.client.resource_jobs.get(
        **shop.key, sortField="lastExecutionRequested", sortDirection="desc"
    )
    assert asked_for["items"][0]["id"] == job["resourceJobId"]
    for each in (job, other):
        assert shop.client.resource_job.delete(**each) == {"success": True}
    with pytest.raises(LosantError) as gone:
        shop.client.resource_job.logs(**job)
    assert gone.value.status == 404


def test_a_parallel_job_runs_its_workflow_for_each_match_and_reports(shop):
    query, ids = shop.devices(25)
    job = shop.job(query)
    shop.flow(
        job,
        acknowledge(
            "{{data.device.name}} != '03'",
            messageTemplate="{{data.device.name}} {{data.execution.context.word}}",
        ),
    )

    entry = shop.ended(job, shop.execute(job, templateContext='{"word":"hello"}'))

    assert entry["status"] == "completed"
    assert entry["executionSummary"] == {
        "succeeded": 24, "failed": 1, "timedOut": 0, "inProgress": 0, "remaining": 0,
    }  # fmt: skip
    assert "accumulator" not in entry
    rows = shop.report(entry)
    assert [row["resourceId"] for row in rows] == sorted(ids)
    assert [row["status"] for row in rows].count("failed") == 1
    assert {row["message"] for row in rows} == {f"{n:02} hello" for n in range(25)}
    assert all(row["iterationId"] == f"{entry['id']}-{row['resourceId']}" for row in rows)
    assert {row["attempts"] for row in rows} == {"1"}


def test_a_serial_job_hands_an_accumulator_on(shop):
    query, ids = shop.devices(4)
    job = shop.job(query, maxIterationConcurrency=1)
    shop.flow(
        job,
        node(
            "count", "RawFunctionNode",
            script="payload.data.sum = { n: (payload.data.accumulator.n || 0) + 1 };",
        ),
        acknowledge(accumulatorMethod="payloadPath", accumulatorValue="data.sum"),
    )  # fmt: skip

    entry = shop.ended(job, shop.execute(job))

    assert entry["executionSummary"]["succeeded"] == 4
    assert json.loads(entry["accumulator"]) == {"n": 4}
    rows = shop.report(entry)
    assert [json.loads(row["accumulator"])["n"] for row in rows] == [1, 2, 3, 4]
    assert [row["resourceId"] for row in rows] == sorted(ids)


def test_iterations_time_out_are_retried_and_their_workflows_are_told(shop):
    query, _ = shop.devices(2)
    job = shop.job(
        query, iterationTimeout=400, retryOnTimeout=True, maxIterationRetries=1, retryDelay=50
    )
    shop.flow(job, node("look", "DebugNode", message="seen"))
    told = shop.flow(
        job,
        node(
            "keep", "StoreValueNode", keyName="{{data.iterationId}}.{{data.attemptNumber}}", valueType="path", valuePath="data.willRetryOnTimeout",
        ),
        trigger="resourceJobIterationTimeout",
    )  # fmt: skip

    entry = shop.ended(job, shop.execute(job))

    assert entry["executionSummary"]["timedOut"] == 2
    assert {row["attempts"] for row in shop.report(entry)} == {"2"}
    end = time.monotonic() + 60
    kept = {}
    while len(kept) < 4 and time.monotonic() < end:
        kept = shop.client.flow.get_storage_entries(**shop.key, flowId=told["id"])
        time.sleep(0.1)
    assert sorted(kept.values()) == [False, False, True, True]


def test_failures_are_retried(shop):
    query, _ = shop.devices(3)
    job = shop.job(query, retryOnFailure=True, maxIterationRetries=2)
    shop.flow(job, acknowledge("{{data.attemptNumber}} == 3"))

    entry = shop.ended(job, shop.execute(job))

    assert entry["executionSummary"]["succeeded"] == 3
    assert {row["attempts"] for row in shop.report(entry)} == {"3"}


def test_a_cancelled_execution_ends_after_what_runs_and_tells_the_complete_trigger(shop):
    query, ids = shop.devices(12)
    job = shop.job(query, maxIterationConcurrency=2, iterationTimeout=600_000)
    shop.flow(job, node("look", "DebugNode", message="seen"))
    done = shop.flow(
        job,
        node(
            "keep", "StoreValueNode", keyName="end", valueType="path", valuePath="data",
        ),
        trigger="resourceJobComplete",
    )  # fmt: skip
    execution_id = shop.execute(job)
    shop.until(job, execution_id, lambda each: each["executionSummary"]["inProgress"] == 2)

    shop.client.resource_job.cancel_execution(**job, executionId=execution_id)
    canceling = shop.log(job, execution_id)
    for each in sorted(ids)[:2]:
        shop.ours(
            "post",
            job,
            f"/executions/{execution_id}/iterations/{execution_id}-{each}/acknowledge",
            {"success": True},
        )
    entry = shop.ended(job, execution_id)

    assert canceling["status"] == "canceling"
    assert entry["status"] == "canceled"
    assert entry["executionSummary"] == {
        "succeeded": 2, "failed": 0, "timedOut": 0, "inProgress": 0, "remaining": 10,
    }  # fmt: skip
    assert len(shop.report(entry)) == 12
    end, kept = time.monotonic() + 60, {}
    while not kept and time.monotonic() < end:
        kept = shop.client.flow.get_storage_entries(**shop.key, flowId=done["id"])
        time.sleep(0.1)
    told = kept["end"]
    assert told["success"] is False
    assert told["execution"]["status"] == "canceled"
    assert told["execution"]["executionSummary"] == entry["executionSummary"]
    assert httpx.get(told["execution"]["executionReportUrl"]).status_code == 200
    assert told["resourceJob"]["id"] == job["resourceJobId"]
    with pytest.raises(LosantError) as over:
        shop.client.resource_job.cancel_execution(**job, executionId=execution_id)
    assert over.value.status == 400


def test_another_workflow_starts_a_job_and_waits_for_nothing(shop):
    query, _ = shop.devices(2)
    job = shop.job(query, defaultContext='{"from":"job"}')
    shop.flow(job, acknowledge(messageTemplate="{{data.execution.context.from}}"))
    button = "press-me"
    starter = shop.client.flows.post(
        **shop.key,
        flow={
            "name": "Starter",
            "triggers": [
                {
                    "type": "virtualButton", "key": button, "config": {},
                    "meta": {"category": "trigger", "name": "virtualButton", "label": "Press"},
                    "outputIds": [["start"]],
                }
            ],
            "nodes": [
                {
                    **node(
                        "start", "ResourceJobExecuteNode",
                        resourceJobIdTemplate=job["resourceJobId"],
                        contextTemplateType="jsonTemplate",
                        contextTemplate='{"from":"{{triggerType}}"}',
                        resultPath="data.started",
                    ),
                    "outputIds": [],
                }
            ],
        },
    )  # fmt: skip
    key = {**shop.key, "flowId": starter["id"]}
    shop.client.flow.press_virtual_button(**key, button={"key": button, "payload": {}})

    end = time.monotonic() + 60
    while not (entries := shop.client.resource_job.logs(**job)) and time.monotonic() < end:
        time.sleep(0.1)
    entry = shop.ended(job, entries[0]["id"])

    assert (entry["sourceType"], entry["sourceId"]) == ("flow", starter["id"])
    assert {row["message"] for row in shop.report(entry)} == {"virtualButton"}


def test_progress_tells_every_state_until_the_end(shop):
    query, ids = shop.devices(4)
    job = shop.job(query, maxIterationConcurrency=1, iterationTimeout=600_000)
    shop.flow(job, node("look", "DebugNode", message="seen"))
    execution_id = shop.execute(job)
    path = f"/applications/{shop.application}/resource-jobs/{job['resourceJobId']}"
    execution = f"{path}/executions/{execution_id}"

    waiting, told = sorted(ids), []
    for name, event in shop.server.client.events(f"{execution}/progress"):
        told.append(event)
        summary = event["executionSummary"]
        if waiting and summary["inProgress"] and summary["succeeded"] == len(ids) - len(waiting):
            place = f"{execution}/iterations/{execution_id}-{waiting.pop(0)}/acknowledge"
            shop.server.client.post(place, {"success": True})
        assert name == "progress"

    assert told[-1]["status"] == "completed"
    done = [event["executionSummary"]["succeeded"] for event in told]
    assert done == sorted(done)
    assert set(done) == {0, 1, 2, 3, 4}
    assert told[-1]["ratePerSecond"] > 0


def test_a_client_that_leaves_a_stream_leaves_nothing_behind(shop):
    query, ids = shop.devices(1)
    job = shop.job(query, iterationTimeout=600_000)
    shop.flow(job, node("look", "DebugNode", message="seen"))
    execution_id = shop.execute(job)
    path = f"/applications/{shop.application}/resource-jobs/{job['resourceJobId']}"
    url = f"{shop.server.url}{path}/executions/{execution_id}/progress"
    headers = {"Authorization": f"Bearer {shop.server.client.token}"}

    for _ in range(60):  # more than may be open at once: each leaves in turn
        with httpx.stream("GET", url, headers=headers) as stream:
            assert stream.status_code == 200
            assert next(stream.iter_lines()) == "event: progress"
    held = []
    with httpx.Client(headers=headers, limits=httpx.Limits(max_connections=None)) as client:
        for _ in range(55):
            request = client.build_request("GET", url)
            held.append(client.send(request, stream=True))
        statuses = [answer.status_code for answer in held]
        for answer in held:
            answer.close()

    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert set(statuses) == {200, 429}
    shop.ours(
        "post",
        job,
        f"/executions/{execution_id}/iterations/{execution_id}-{ids[0]}/acknowledge",
        {"success": True},
    )
    assert shop.ended(job, execution_id)["executionSummary"]["succeeded"] == 1


def test_an_execution_that_takes_too_long_as_a_whole_is_errored(shop):
    query, _ = shop.devices(3)
    job = shop.job(
        query, maxIterationConcurrency=1, iterationTimeout=900_000, executionTimeout=3_000
    )
    shop.flow(job, node("look", "DebugNode", message="seen"))

    entry = shop.ended(job, shop.execute(job))

    assert entry["status"] == "errored"
    assert "longer" in entry["error"]
    assert entry["executionTimeout"] == 3_000
    summary = entry["executionSummary"]
    assert (summary["timedOut"], summary["inProgress"], summary["remaining"]) == (1, 0, 2)


def test_what_did_not_succeed_is_tried_again(shop):
    query, ids = shop.devices(3)
    job = shop.job(query)
    flow = shop.flow(job, acknowledge("{{data.device.name}} == '00'"))
    first = shop.ended(job, shop.execute(job))
    shop.client.flow.delete(**shop.key, flowId=flow["id"])
    shop.flow(job, acknowledge())

    answer = shop.ours("post", job, f"/executions/{first['id']}/retry", {"statuses": ["failed"]})
    entry = shop.ended(job, answer["executionId"])

    assert first["executionSummary"]["failed"] == 2
    assert entry["retryOf"] == first["id"]
    assert entry["executionSummary"]["succeeded"] == 2
    assert [row["resourceId"] for row in shop.report(entry)] == sorted(ids)[1:]


def test_deleting_with_workflows_deletes_those_that_wait_for_the_job(shop):
    job, other = shop.job(), shop.job(name="Other")
    gone = shop.flow(job, acknowledge())
    kept = shop.flow(other, acknowledge())
    done = shop.flow(job, node("look", "DebugNode", message="x"), trigger="resourceJobComplete")

    shop.client.resource_job.delete(**job, includeWorkflows="true")

    left = {each["id"] for each in shop.client.flows.get(**shop.key, perPage=1000)["items"]}
    assert kept["id"] in left
    assert left.isdisjoint({gone["id"], done["id"]})
