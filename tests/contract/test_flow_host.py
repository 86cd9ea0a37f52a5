"""What running workflows get from the server, on each database."""

import msgspec
import pytest

from drover.app.answering import FlowHost, Tools
from drover.kinds.data_table import KIND as TABLE
from drover.kinds.device import KIND as DEVICE
from drover.kinds.flow import KIND as FLOW
from drover.kinds.resource_job import KIND as JOB
from drover.model.run import Pace, Target
from drover.ports.runner import ACKNOWLEDGE, FlowBatch
from drover.ports.web import WebFailure, WebResponse
from drover.query.tree import All
from drover.store.session import SqlStore
from drover.system import RandomIds
from tests.contract.jobs_store import NOW, Bench
from tests.support.catalog_server import CatalogServer, user

NOBODY = "0" * 24


class FakeWeb:
    def __init__(self):
        self.requests = []
        self.answer = WebResponse(
            status=200, headers={"x": "y"}, body=b'{"ok":1}', url="u", duration_ms=1.4
        )

    async def fetch(self, request):
        self.requests.append(request)
        if isinstance(self.answer, WebFailure):
            raise self.answer
        return self.answer


class World:
    """A server with one application and one workflow, asked by that workflow."""

    def __init__(self, database):
        self.server = CatalogServer(database)
        self.store = SqlStore(database)
        self.web, self.woken = FakeWeb(), []
        tools = Tools(
            services=self.server.services,
            store=self.store,
            ids=RandomIds(),
            acks=self.server.heart.acks,
            web=self.web,
            wake=lambda: self.woken.append(1),
        )
        self.host = FlowHost(tools)

    async def prepare(self):
        kinds = self.server.catalog.kinds
        self.application = await self.make(kinds["application"], {"name": "App"}, "")
        self.flow = await self.make(
            FLOW,
            {
                "name": "Flow",
                "triggers": [
                    {
                        "type": "virtualButton",
                        "meta": {"uiId": "ui", "payload": '{"own": 1}'},
                        "outputIds": [],
                    },
                    {"type": "event", "key": "any", "config": {"new": True}},
                    {"type": "deviceCreate"},
                ],
            },
        )
        return self

    async def make(self, kind, body, application=None):
        application = self.application if application is None else application
        document = await self.server.catalog.create(
            user(), kind, application, msgspec.json.encode(body)
        )
        return msgspec.json.decode(document)["id"]

    async def ask(self, operation, *requests, depth=0):
        batch = FlowBatch(
            application_id=self.application,
            flow_id=self.flow,
            flow_tag="",
            flow=b"",
            trigger_index=0,
            depth=depth,
        )
        return await self.host.call(batch, operation, requests)

    async def result(self, operation, depth=0, **request):
        (answer,) = await self.ask(operation, request, depth=depth)
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, operation, depth=0, **request):
        (answer,) = await self.ask(operation, request, depth=depth)
        return answer["error"]["type"], answer["error"]["message"]

    async def firings(self, kind=None):
        async def work(session):
            found = await session.jobs.firings.lease(100, 2**50, 2**51)
            return [each.firing for each in found]

        found = await self.store.write(work)
        return [each for each in found if kind in (None, each.trigger_type)]


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def test_an_operation_that_is_not_there_is_told(world):
    assert (await world.error("no.such"))[0] == "NotImplemented"


async def test_values_are_stored_counted_and_forgotten_in_order(world):
    answers = await world.ask(
        "storage.store",
        {"key": "a", "action": "add", "value": 1},
        {"key": "a", "action": "add", "value": 2.5},
        {"key": "t", "action": "set", "value": "text"},
        {"key": "t", "action": "add", "value": 1},
        {"key": "t", "action": "clear"},
        {"key": "t", "action": "clear"},
        {"key": "big", "action": "set", "value": "x" * 20_000},
    )

    assert [each.get("result") for each in answers[:3]] == [
        {"value": 1},
        {"value": 3.5},
        {"value": "text"},
    ]
    assert answers[3]["error"]["message"] == "The stored value is not a number"
    assert [each["result"] for each in answers[4:6]] == [{"value": "text"}, {}]
    assert answers[6]["error"]["type"] == "PayloadTooLarge"
    assert await world.ask("storage.get", {"key": "a"}, {"key": "t"}, {"all": True}) == [
        {"result": {"found": True, "value": 3.5}},
        {"result": {"found": False, "value": None}},
        {"result": {"found": True, "value": {"a": 3.5}}},
    ]


async def test_devices_are_made_found_changed_and_deleted(world):
    body = {
        "name": "Pump",
        "tags": [{"key": "a", "value": "1"}],
        "attributes": [{"name": "t", "dataType": "number"}],
    }
    made = await world.result("device.create", body=body)
    find = {
        "connection": True,
        "state": True,
        "many": False,
        "sortField": "name",
        "sortDirection": "asc",
    }

    by_id = await world.result("device.find", method="id", value=made["id"], **find)
    by_name = await world.result("device.find", method="name", value="Pump", **find)
    by_tag = await world.result(
        "device.find", method="findByAllTags", tags=[{"key": "a", "value": ""}], **find
    )
    by_query = await world.result(
        "device.find", method="query", query={"name": "Pump"}, **{**find, "many": True}
    )

    for found in (by_id, by_name, by_tag, by_query):
        assert [each["id"] for each in found["items"]] == [made["id"]]
    assert by_query["totalCount"] == 1
    assert by_id["items"][0]["deviceId"] == made["id"]
    assert by_id["items"][0]["compositeState"] == {}
    changed = await world.result(
        "device.update",
        id=made["id"],
        body={"description": "new"},
        mergeTags={"a": ["2", "3"], "b": []},
        mergeAttributes={"t": None, "u": {"dataType": "string"}},
    )
    assert changed["tags"] == [{"key": "a", "value": "2"}, {"key": "a", "value": "3"}]
    assert [each["name"] for each in changed["attributes"]] == ["u"]
    assert changed["description"] == "new"
    assert await world.result("device.delete", id=made["id"]) is True
    assert await world.error("device.delete", id=made["id"]) == ("NotFound", "Device was not found")
    assert await world.error("device.update", id=NOBODY, body={}) == (
        "NotFound",
        "Device was not found",
    )


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("id", "nonsense"),
        ("id", NOBODY),
        ("findByParentId", "nonsense"),
        ("experienceGroupId", NOBODY),
        ("experienceUserIdOrEmail", NOBODY),
        ("experienceUserIdOrEmail", "who@example.com"),
    ],
)
async def test_a_device_that_is_not_there_is_not_found(world, method, value):
    await world.make(DEVICE, {"name": "Pump"})
    find = {
        "connection": False,
        "state": False,
        "many": True,
        "sortField": "name",
        "sortDirection": "asc",
    }

    found = await world.result("device.find", method=method, value=value, **find)

    assert found["items"] == []


async def test_bad_devices_and_queries_are_told(world):
    assert (await world.error("device.create", body={}))[0] == "Validation"
    find = {
        "connection": False,
        "state": False,
        "many": True,
        "sortField": "name",
        "sortDirection": "asc",
    }
    assert (await world.error("device.find", method="query", query={"$regex": 1}, **find))[
        0
    ] == "Validation"
    assert (await world.error("device.create", body={"name": "x"}, recipeId=NOBODY))[
        0
    ] == "NotFound"


async def test_devices_are_deleted_by_query_but_never_without_one(world):
    for name in ("a", "b", "c"):
        await world.make(DEVICE, {"name": name})

    assert await world.result("device.delete", query=None) == {"removed": 0, "failed": 0}
    assert await world.result("device.delete", query={"name": {"$in": ["a", "b"]}}) == {
        "removed": 2,
        "failed": 0,
    }


async def test_a_new_device_fires_the_triggers_that_wait_for_it(world):
    made = await world.result("device.create", body={"name": "Pump"})

    (firing,) = await world.firings("deviceCreate")

    root, data = msgspec.json.decode(firing.root), msgspec.json.decode(firing.data)
    assert root == {"triggerId": made["id"], "relayId": world.flow, "relayType": "flow"}
    assert data["device"]["name"] == "Pump"
    assert data["device"]["creationDate"].keys() == {"$date"}
    assert firing.depth == 1


async def test_state_is_reported(world):
    device = await world.make(
        DEVICE, {"name": "Pump", "attributes": [{"name": "t", "dataType": "number"}]}
    )

    assert await world.result(
        "state.report", deviceId=device, reports=[{"data": {"t": "1.5"}}]
    ) == {"success": True}

    find = {
        "connection": True,
        "state": ["t"],
        "many": False,
        "sortField": "name",
        "sortDirection": "asc",
    }
    found = await world.result("device.find", method="id", value=device, **find)
    assert found["items"][0]["compositeState"]["t"]["value"] == 1.5
    assert await world.error("state.report", deviceId=NOBODY, reports=[]) == (
        "NotFound",
        "Device was not found",
    )
    assert (await world.error("state.report", deviceId=device, reports=[{"data": 1}]))[
        0
    ] == "Validation"
    assert (await world.error("state.report", deviceId=device, reports=[{"data": {}}] * 1001))[
        0
    ] == "Validation"


async def test_rows_are_inserted_queried_changed_and_deleted(world):
    columns = [
        {"name": "n", "dataType": "number", "constraint": "unique"},
        {"name": "flag", "dataType": "boolean", "constraint": "optional"},
        {"name": "s", "dataType": "string", "constraint": "optional"},
    ]
    table = await world.make(TABLE, {"name": "T", "columns": columns})
    query = {"limit": 10, "offset": 0, "sortColumn": "n", "sortDirection": "desc", "fields": None}

    one = await world.result(
        "row.insert", tableId=table, data={"n": "1", "flag": "true"}, cast=True
    )
    many = await world.result("row.insert", tableId=table, data=[{"n": 2}, {"n": 3, "s": "x"}])

    assert {"n": 1, "flag": True}.items() <= one.items()
    assert "s" not in one
    assert many["count"] == 2
    assert await world.error("row.insert", tableId=table, data={"n": 1}) == (
        "AlreadyExists",
        "Entry already exists",
    )
    assert (await world.error("row.insert", tableId=table, data={"n": "x"}, cast=True))[
        0
    ] == "Validation"
    found = await world.result("row.query", tableId=table, query={}, **query)
    assert [row["n"] for row in found["items"]] == [3, 2, 1]
    assert (found["count"], found["totalCount"]) == (3, 3)
    assert (await world.error("row.query", tableId=table, query={}, **{**query, "fields": "n"}))[
        0
    ] == "Validation"
    changed = await world.result(
        "row.update", tableId=table, query={"n": {"$gt": 1}}, data={"s": "y"}, upsert=False
    )
    assert changed["n"] == 2
    made = await world.result(
        "row.update", tableId=table, query={"n": 9}, data={"n": 9}, upsert=True
    )
    assert made["n"] == 9
    missing = ("NotFound", "Data Table Row was not found")
    assert (
        await world.error("row.update", tableId=table, query={"n": 7}, data={}, upsert=False)
        == missing
    )
    assert await world.error("row.update", tableId=table, rowId=NOBODY, data={}) == missing
    assert await world.error("row.delete", tableId=table, rowId=NOBODY) == missing
    assert await world.result("row.delete", tableId=table, rowId=one["id"]) == {
        "result": True,
        "count": 1,
    }
    assert await world.result("row.delete", tableId=table, query={}, limit=2) == {
        "result": True,
        "count": 2,
    }
    assert (await world.error("row.query", tableId=NOBODY, query={}, **query))[0] == "NotFound"


async def test_events_are_raised_found_updated_and_deleted(world):
    made = await world.result(
        "event.create", body={"level": "info", "subject": "hot", "eventTags": {"a": "1"}}
    )
    order = {"sortField": "creationDate", "sortDirection": "desc"}

    found = await world.result("event.find", query={"subject": "hot"}, many=True, **order)
    changed = await world.result(
        "event.update", id=made["id"], body={"state": "resolved"}, mergeTags={"a": None, "b": "2"}
    )

    assert made["sourceId"] == world.flow
    assert made["sourceType"] == "flow"
    assert [each["id"] for each in found["items"]] == [made["id"]]
    assert found["totalCount"] == 1
    assert changed["state"] == "resolved"
    assert changed["eventTags"] == {"b": "2"}
    assert (await world.result("event.find", id="nonsense"))["items"] == []
    assert await world.error("event.update", id=NOBODY, body={}) == (
        "NotFound",
        "Event was not found",
    )
    assert await world.error("event.delete", id=NOBODY) == ("NotFound", "Event was not found")
    assert (await world.error("event.create", body={"level": "loud", "subject": "x"}))[
        0
    ] == "Validation"
    assert await world.result(
        "event.update", query={}, many=True, body={"comment": "seen"}, **order
    ) == {"success": True}
    assert await world.result("event.delete", id=made["id"]) == {"success": True, "count": 1}
    assert await world.result("event.delete", query={}, many=True, **order) == {
        "success": True,
        "count": 0,
    }


async def test_an_event_fires_the_triggers_that_wait_for_it(world):
    made = await world.result("event.create", body={"level": "info", "subject": "hot"})

    (firing,) = await world.firings("event")

    data = msgspec.json.decode(firing.data)
    assert (firing.key, data["id"], data["state"]) == ("info", made["id"], "new")
    assert data["allUpdates"] == []


async def test_workflows_that_cause_each_other_are_stopped(world):
    await world.result("event.create", depth=16, body={"level": "info", "subject": "hot"})

    assert await world.firings("event") == []


async def test_a_workflow_presses_a_button_now(world):
    for name in ("ui", f"{world.flow}-ui"):
        pressed = await world.result(
            "flow.trigger", flowId=world.flow, button=name, version="default"
        )
        assert pressed == {
            "flowId": world.flow,
            "flowVersion": "default",
            "virtualButtonId": f"{world.flow}-ui",
            "payload": {"own": 1},
        }

    firing = (await world.firings("virtualButton"))[0]
    assert (firing.flow_id, firing.flow_version, firing.depth) == (world.flow, None, 1)
    assert msgspec.json.decode(firing.data) == {"own": 1}
    assert world.woken
    assert (await world.error("flow.trigger", flowId=NOBODY, button="ui"))[0] == "NotFound"
    assert (await world.error("flow.trigger", flowId=world.flow, button="x"))[0] == "NotFound"
    assert (await world.error("flow.trigger", flowId=world.flow, button="ui", version="v9"))[
        0
    ] == "NotFound"
    assert (await world.error("flow.trigger", depth=16, flowId=world.flow, button="ui"))[
        0
    ] == "Validation"
    large = "x" * 300_000
    assert (await world.error("flow.trigger", flowId=world.flow, button="ui", payload=large))[
        0
    ] == "PayloadTooLarge"


async def test_a_press_is_scheduled_replaced_and_canceled(world):
    given = {
        "flowId": world.flow,
        "button": "ui",
        "payload": [1],
        "runId": "r",
        "delayMs": 3_600_000,
    }

    first = await world.result("flow.schedule", **given)
    second = await world.result("flow.schedule", **{**given, "runId": "r"})
    dated = await world.result(
        "flow.schedule", flowId=world.flow, button="ui", at="2036-01-02T03:04:05.678Z"
    )

    assert (first["runId"], first["newOrUpdate"], second["newOrUpdate"]) == ("r", "new", "update")
    assert dated["runAt"] == 2_082_855_845_678
    assert len(dated["runId"]) == 24
    assert await world.result("flow.cancel", runId="r") == {"runId": "r", "success": True}
    again = await world.result("flow.cancel", runId="r")
    assert (again["success"], again["error"]["type"]) == (False, "NotFound")


async def test_a_job_is_executed_with_a_context(world):
    job = await world.make(JOB, {"name": "J", "resourceType": "device"})

    started = await world.result("job.execute", jobId=job, context={"a": 1})

    assert started["success"] is True
    assert len(started["executionId"]) == 24
    assert (await world.error("job.execute", jobId=NOBODY))[0] == "NotFound"
    assert (await world.error("job.execute", jobId=job, context=[1]))[0] == "Validation"
    assert (await world.error("job.execute", jobId=job, context={"a": "x" * 40_000}))[
        0
    ] == "Validation"


async def test_an_iteration_that_is_not_there_cannot_be_acknowledged(world):
    for iteration_id in ("nonsense", f"{NOBODY}-{NOBODY}"):
        assert (await world.error(ACKNOWLEDGE, iterationId=iteration_id, success=True))[
            0
        ] == "NotFound"


def request(**changes):
    base = {
        "method": "POST", "url": "http://u:p@host/x?y#z", "headers": [["Authorization", "secret"], ["X", "1"]],
        "timeoutMs": 1000, "encoding": "utf8", "verify": True, "redirects": False, "caCert": "",
    }  # fmt: skip
    return {**base, **changes}


async def test_http_requests_go_out_and_show_no_secrets(world):
    shown = await world.result(
        "http.request", **request(body="é", auth={"username": "u", "password": "p"})
    )

    assert shown["statusCode"] == 200
    assert shown["body"] == '{"ok":1}'
    assert shown["isText"] is True
    assert shown["request"] == {
        "uri": "http://host/x?y#z",
        "method": "POST",
        "headers": {"authorization": "[redacted]", "x": "1"},
    }
    sent = world.web.requests[0]
    assert (sent.body, sent.basic, sent.follows) == ("é".encode(), ("u", "p"), False)


@pytest.mark.parametrize(
    ("encoding", "body", "sent"),
    [("hex", "6869", b"hi"), ("base64", "aGk=", b"hi"), ("latin1", "é", b"\xe9")],
)
async def test_http_bodies_are_encoded_both_ways(world, encoding, body, sent):
    world.web.answer = WebResponse(status=200, headers={}, body=sent, url="u", duration_ms=1)

    shown = await world.result(
        "http.request", **request(body=body, bodyEncoding=encoding, encoding=encoding)
    )

    assert world.web.requests[0].body == sent
    assert shown["body"] == body
    assert shown["isText"] is False


async def test_http_failures_are_told_with_the_request(world):
    world.web.answer = WebFailure("Timeout", "slow")
    (answer,) = await world.ask("http.request", request())
    assert answer["error"] == {"type": "Timeout", "message": "slow"}
    assert answer["request"]["method"] == "POST"

    assert (await world.error("http.request", **request(url="file:///etc/passwd")))[0] == "Refused"
    assert (await world.error("http.request", **request(body="zz", bodyEncoding="hex")))[
        0
    ] == "Refused"
    assert (await world.error("http.request", **request(credential="c")))[0] == "Refused"


async def test_http_signs_in_by_a_credential_that_is_meant_for_the_address(world):
    config = {"uriMatch": "https://host/api", "authMethod": "header"}
    secret = {"publicValue": "X-Key", "secretValue": "s3cret"}
    body = {"name": "key", "type": "http", "httpConfig": {**config, **secret}}
    await world.make(world.server.catalog.kinds["credential"], body)
    off = {**body, "name": "off", "enabled": False}
    await world.make(world.server.catalog.kinds["credential"], off)

    shown = await world.result(
        "http.request", **request(url="/things", credential="key", redirects=True)
    )

    sent = world.web.requests[0]
    assert (sent.url, sent.headers[-1], sent.follows) == (
        "https://host/api/things",
        ("X-Key", "s3cret"),
        False,
    )
    assert "s3cret" not in str(shown)
    for name, url in (("key", "https://evil/api"), ("off", "/x"), ("none", "/x")):
        told = await world.error("http.request", **request(url=url, credential=name))
        assert told[0] == "Refused"
    assert len(world.web.requests) == 1


async def test_a_device_is_made_by_a_recipe_and_what_is_given_wins(world):
    recipe = await world.make(
        world.server.catalog.kinds["deviceRecipe"],
        {
            "name": "r",
            "deviceClass": "gateway",
            "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "1"}],
            "attributes": [{"name": "t", "dataType": "number"}],
        },
    )
    given = {"name": "mine", "tags": [{"key": "a", "value": "2"}]}

    made = await world.result("device.create", body=given, recipeId=recipe.upper())

    tags = {(tag["key"], tag["value"]) for tag in made["tags"]}
    assert (made["name"], made["deviceClass"]) == ("mine", "gateway")
    assert tags == {("a", "2"), ("b", "1"), ("DeviceRecipe", recipe)}
    assert [each["name"] for each in made["attributes"]] == ["t"]
    assert (await world.error("device.create", body={}, recipeId="x"))[0] == "NotFound"
    assert (await world.error("device.create", body=[], recipeId=recipe))[0] == "Validation"


async def test_http_may_fetch_its_body(world):
    await world.result("http.request", **request(bodyUrl="http://other/"))

    assert [each.url for each in world.web.requests] == ["http://other/", "http://u:p@host/x?y#z"]
    assert world.web.requests[1].body == b'{"ok":1}'


async def _awaiting(world, database):
    """An execution over one gateway's peripheral, begun and waiting for its acknowledgement."""
    gateway = await world.make(DEVICE, {"name": "Gate", "deviceClass": "gateway"})
    body = {"name": "Sensor", "deviceClass": "peripheral", "gatewayId": gateway}
    sensor = await world.make(DEVICE, body)
    bench = Bench(database)
    execution = await bench.add(application_id=world.application, pace=Pace(concurrency=1))
    target = Target(resource_type="device")
    await bench.jobs(lambda jobs: jobs.iterations.snapshot(execution, target, All(), "", 100))
    await bench.jobs(lambda jobs: jobs.plans.begin(execution.number, NOW))
    claim = await bench.claim(execution.number, limit=1)
    (item,) = await bench.documents(claim)
    await bench.end_lease(claim)
    return execution, item.resource_id, gateway, sensor


async def test_an_iteration_is_acknowledged_once(world, database):
    execution, resource_id, _, _ = await _awaiting(world, database)
    iteration_id = f"{execution.id}-{resource_id}"
    given = {
        "iterationId": iteration_id,
        "success": True,
        "message": "done",
        "accumulator": '{"n":1}',
    }

    settled = await world.result(ACKNOWLEDGE, **given)

    assert settled["success"] is True
    assert (settled["message"], settled["accumulator"]) == ("done", '{"n":1}')
    assert settled["completedAt"] >= settled["startedAt"]
    assert await world.error(ACKNOWLEDGE, **given) == (
        "Validation",
        "Iteration was already acknowledged",
    )


async def test_a_device_acknowledges_only_iterations_of_its_own(world, database):
    execution, resource_id, gateway, sensor = await _awaiting(world, database)
    given = {"iterationId": f"{execution.id}-{resource_id}", "success": True}
    owner = gateway if resource_id == sensor else resource_id

    stranger = await world.error(ACKNOWLEDGE, **given, relay={"type": "device", "id": NOBODY})

    assert stranger == ("Forbidden", "A device may acknowledge only its own iterations")
    assert (await world.result(ACKNOWLEDGE, **given, relay={"type": "device", "id": owner}))[
        "success"
    ] is True


async def test_another_applications_iteration_is_not_there(world, database):
    execution, resource_id, _, _ = await _awaiting(world, database)
    world.application = "1" * 24

    answer = await world.error(
        ACKNOWLEDGE, iterationId=f"{execution.id}-{resource_id}", success=True
    )

    assert answer == ("NotFound", "Iteration was not found")
