"""What saving a workflow does beside storing it: keys, the index, timers."""

import msgspec
import pytest

from drover.app.flows import Flows
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.model.errors import Invalid
from drover.ports.flows import PUBLISHES
from drover.store.session import SqlStore
from tests.support.catalog_server import CatalogServer, user

TIMER = {"type": "timer", "config": {"seconds": 60}, "meta": {"uiId": "t"}, "outputIds": []}


class Desk:
    """One application, and short names for what tests do with its workflows."""

    def __init__(self, database):
        self.server = CatalogServer(database)
        self.catalog = self.server.catalog
        self.store = SqlStore(database)

    async def open(self):
        kind = self.catalog.kinds["application"]
        made = await self.catalog.create(user(), kind, "", b'{"name": "App"}')
        self.application = msgspec.json.decode(made)["id"]
        return self

    async def save(self, *triggers, caller=None, **more):
        body = msgspec.json.encode({"name": "Flow", "triggers": list(triggers), **more})
        made = await self.catalog.create(caller or user(), FLOW, self.application, body)
        return msgspec.json.decode(made)

    async def patch(self, flow, **changes):
        place = (self.application, flow["id"], None)
        changed = await self.catalog.patch(user(), FLOW, place, msgspec.json.encode(changes))
        return msgspec.json.decode(changed)

    async def version(self, flow, name="v1", *triggers, **more):
        body = msgspec.json.encode({"version": name, "triggers": list(triggers)})
        flows = self.server.services[Flows]
        made = await flows.add_version(user(), self.application, flow["id"], body, **more)
        return msgspec.json.decode(made)

    async def timers(self, flow):
        return await self.store.read(lambda s: s.jobs.schedules.of("timer", flow["id"]))

    async def found(self, flow, kind="timer", **more):
        keys = [each["key"] for each in flow["triggers"] if each["type"] == kind]
        return await self.store.read(
            lambda s: s.flows.subscribed(self.application, kind, keys[0], **more)
        )


@pytest.fixture
async def desk(database):
    return await Desk(database).open()


async def test_a_timer_is_set_under_a_key_of_its_own(desk):
    flow = await desk.save(TIMER)

    (timer,) = await desk.timers(flow)

    assert flow["triggers"][0]["key"] == f"{flow['id']}-t"
    assert (timer.seconds, timer.active, timer.application_id) == (60, True, desk.application)
    assert msgspec.json.decode(timer.detail) == {"flowId": flow["id"], "key": f"{flow['id']}-t"}
    assert len(await desk.found(flow)) == 1


async def test_a_timer_keeps_its_phase_over_other_changes(desk):
    flow = await desk.save(TIMER)
    before = await desk.timers(flow)

    await desk.patch(flow, description="other words")
    await desk.patch(flow, triggers=[{"type": "virtualButton"}, TIMER])

    assert await desk.timers(flow) == before


async def test_a_timer_changes_stops_and_starts_with_its_workflow(desk):
    flow = await desk.save(TIMER)

    cron = {**TIMER, "config": {"cron": "@daily", "tz": "Europe/Berlin"}}
    await desk.patch(flow, triggers=[cron])
    (timer,) = await desk.timers(flow)
    assert (timer.cron, timer.seconds, timer.tz) == ("@daily", None, "Europe/Berlin")
    await desk.patch(flow, enabled=False)
    assert await desk.timers(flow) == []
    await desk.patch(flow, enabled=True)
    assert len(await desk.timers(flow)) == 1
    await desk.catalog.delete(user(), FLOW, desk.application, flow["id"])
    assert await desk.timers(flow) == []


async def test_timers_and_triggers_are_those_of_the_default_version(desk):
    flow = await desk.save(TIMER)
    version = await desk.version(
        flow, "v1", {**TIMER, "config": {"seconds": 5}, "key": flow["triggers"][0]["key"]}
    )

    assert [each.seconds for each in await desk.timers(flow)] == [60]
    await desk.patch(flow, defaultVersionId=version["id"])
    assert [each.seconds for each in await desk.timers(flow)] == [5]
    (found,) = await desk.found(flow)
    assert msgspec.json.decode(found.definition)["flowVersion"] == "v1"
    place = (desk.application, version["id"], flow["id"])
    await desk.catalog.patch(user(), VERSION, place, b'{"enabled": false}')
    assert await desk.timers(flow) == []
    await desk.catalog.delete(user(), VERSION, desk.application, version["id"], flow["id"])
    assert [each.seconds for each in await desk.timers(flow)] == [60]


async def test_a_replaced_default_version_brings_its_timers(desk):
    flow = await desk.save(TIMER)
    version = await desk.version(flow, "v1", {**TIMER, "config": {"seconds": 5}})
    await desk.patch(flow, defaultVersionId=version["id"])

    await desk.version(flow, "v1", {**TIMER, "config": {"seconds": 7}}, replaces=True)

    assert [each.seconds for each in await desk.timers(flow)] == [7]


async def test_a_version_is_checked_and_must_be_one_of_the_workflow(desk):
    flow, other = await desk.save(TIMER), await desk.save(TIMER)
    version = await desk.version(other)

    with pytest.raises(Invalid):
        await desk.patch(flow, defaultVersionId=version["id"])
    with pytest.raises(Invalid) as caught:
        await desk.version(flow, "v2", {**TIMER, "config": {}})
    assert [flaw.place for flaw in caught.value.flaws] == ["/triggers/0/config"]


async def test_a_flawed_workflow_is_refused_whole(desk):
    node = {"id": "a", "type": "GetValueNode", "config": {"keyName": "k"}, "outputIds": [["b"]]}

    with pytest.raises(Invalid) as caught:
        await desk.save(nodes=[node])

    assert [(flaw.place, flaw.message) for flaw in caught.value.flaws] == [
        ("/nodes/0/outputIds/0/0", "Referenced output ID b does not exist."),
        ("/nodes/0/config/valuePath", "Value path is required"),
    ]


async def test_the_server_itself_may_save_what_lacks_settings(desk):
    node = {"id": "a", "type": "GetValueNode", "config": {"keyName": "k"}, "outputIds": [[]]}
    system = msgspec.structs.replace(user(), type="system")

    assert (await desk.save(nodes=[node], caller=system))["nodes"][0]["id"] == "a"


async def test_topics_that_nodes_publish_on_are_known_by_their_first_levels(desk):
    def published(topic):
        return {"type": "MqttMessageNode", "config": {"topicTemplate": topic}}

    kept_out = ("*/x", ">", "my topic/x", "a\x01/x", "c+/x", "{{data.x}}/c", "losant/x")
    topics = ("b/c", "a/{{data.x}}", "b/d", *kept_out)
    flow = await desk.save(nodes=[*map(published, topics), {"type": "DebugNode"}])

    async def roots():
        return await desk.store.read(lambda s: s.flows.keys(desk.application, PUBLISHES))

    assert list(await roots()) == ["a", "b"]
    await desk.patch(flow, nodes=[published("z/1")])
    assert list(await roots()) == ["z"]
