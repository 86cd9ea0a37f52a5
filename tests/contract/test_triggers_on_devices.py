"""What reports of a device start: which workflows, how often, in which version, with which payload."""

from datetime import datetime

import msgspec
import pytest

from drover.app.device_reports import Connection, DeviceReports, StateReport, Told
from drover.app.live.state_triggers import LiveTriggers
from drover.app.workflows import Press, Workflows
from drover.flows.matching import matches
from drover.flows.payload import decode
from drover.kinds.device import KIND as DEVICE
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.system import RandomIds, SystemClock
from tests.contract.flow_host_world import World
from tests.support.catalog_server import user


class Plant(World):
    """A world with a device that reports."""

    async def prepare(self):
        await super().prepare()
        tags = [{"key": "hall", "value": "A"}, {"key": "hall", "value": "B"}]
        attributes = [{"name": "level", "dataType": "number"}]
        body = {"name": "pump", "tags": tags, "attributes": attributes}
        self.device = await self.make(DEVICE, body)
        self.reports = DeviceReports(self.store, RandomIds(), SystemClock(), [LiveTriggers()])
        await self.firings()  # what the new device itself starts
        return self

    async def waits(self, *triggers):
        return await self.make(FLOW, {"name": "waits", "triggers": list(triggers)})

    async def report(self, *, times=1, **more):
        reports = [StateReport(data={"level": n}, **more) for n in range(times)]
        await self.reports.record(user(), self.application, self.device, reports)

    async def runs(self):
        """The flows that run, once for each run, with the firing's payload."""
        ran = []
        for firing in await self.firings():
            found = await self.store.read(
                lambda s, each=firing: s.flows.subscribed(
                    self.application, each.trigger_type, each.key, version=each.flow_version
                )
            )
            ran += [(each.flow_id, firing) for each in found if matches(each.config, firing)]
        return ran


def by_id(world, **more):
    return {"type": "deviceId", "key": world.device, "outputIds": [["n"]], **more}


def by_tag(key, **more):
    return {"type": "deviceTag", "key": key, "outputIds": [["n"]], **more}


NODE = {"id": "n", "type": "DebugNode", "config": {}, "outputIds": [[]]}


@pytest.fixture
async def world(database):
    return await Plant(database).prepare()


async def saved(world, *triggers):
    return await world.make(FLOW, {"name": "waits", "triggers": list(triggers), "nodes": [NODE]})


async def test_entries_of_one_trigger_start_one_run_for_a_report(world):
    one = {"meta": {"uiId": "one"}}
    flow = await saved(
        world,
        by_tag("hall/A", **one),
        by_tag("hall/B", **one),
        by_id(world, **one),
        by_tag("/A", **one),
    )

    await world.report()

    assert [flow_id for flow_id, _ in await world.runs()] == [flow]


async def test_without_the_editors_id_entries_that_are_alike_count_as_one(world):
    config = {"attributeWhitelist": ["level"]}
    flow = await saved(
        world,
        by_tag("hall/A", config=config),
        by_id(world, config=config),
        by_tag("hall/", config=config, outputIds=[]),
    )

    await world.report()

    assert [flow_id for flow_id, _ in await world.runs()] == [flow, flow]


async def test_entries_that_want_other_reports_stand_for_none_but_themselves(world):
    one = {"meta": {"uiId": "one"}}
    flow = await saved(
        world,
        by_id(world, config={"attributeWhitelist": ["other"]}, **one),
        by_tag("hall/A", config={"attributeWhitelist": ["level"]}, **one),
    )

    await world.report()

    assert [(flow_id, each.key) for flow_id, each in await world.runs()] == [(flow, "hall/A")]


async def test_other_triggers_and_other_workflows_run_each_for_itself(world):
    flows = [
        await saved(
            world,
            by_tag("hall/A", meta={"uiId": "one"}),
            by_tag("hall/B", meta={"uiId": "two"}),
        ),
        await saved(world, by_id(world, meta={"uiId": "one"})),
    ]

    await world.report()

    assert sorted(flow_id for flow_id, _ in await world.runs()) == sorted([flows[0], *flows])


async def test_a_trigger_of_another_version_counts_for_nothing(world):
    one = {"meta": {"uiId": "one"}}
    flow = await saved(world, by_id(world, **one))
    body = {"version": "v1", "triggers": [by_tag("hall/A", **one)], "nodes": [NODE]}
    made = await world.server.catalog.create(
        user(), VERSION, world.application, msgspec.json.encode(body), {"flow_id": flow}
    )
    patch = msgspec.json.encode({"defaultVersionId": msgspec.json.decode(made)["id"]})
    await world.server.catalog.patch(user(), FLOW, (world.application, flow, None), patch)

    await world.report()

    assert [(flow_id, each.key) for flow_id, each in await world.runs()] == [(flow, "hall/A")]


async def test_several_reports_together_run_once_each_and_once_for_all(world):
    one = {"meta": {"uiId": "one"}}
    both = {"triggerOn": "both", "batchBehavior": "each"}
    await saved(world, by_id(world, config=both, **one), by_tag("hall/A", config=both, **one))

    await world.report(times=3)

    assert len(await world.runs()) == 3


async def test_coming_and_going_start_one_run_as_well(world):
    one = {"meta": {"uiId": "one"}, "outputIds": []}
    flow = await world.waits(
        {"type": "deviceIdConnect", "key": world.device, **one},
        {"type": "deviceTagConnect", "key": "hall/A", **one},
    )

    await world.reports.connection(
        user(), world.application, world.device, Connection(status="connected")
    )

    assert [flow_id for flow_id, _ in await world.runs()] == [flow]


async def test_a_report_names_the_version_that_is_to_run(world):
    flow = await saved(world, by_id(world))
    body = {"version": "v1", "triggers": [by_id(world)], "nodes": [NODE]}
    await world.server.catalog.create(
        user(), VERSION, world.application, msgspec.json.encode(body), {"flow_id": flow}
    )

    for version in ("v1", "develop", "default", "none"):
        await world.report(flow_version=version)

    assert [each.flow_version for _, each in await world.runs()] == ["v1", "develop", None]


async def test_the_payload_tells_of_the_device(world):
    await saved(world, by_id(world))

    await world.report(meta={"m": 1})

    ((_, firing),) = await world.runs()
    root = msgspec.json.decode(firing.root)
    assert (root["deviceName"], root["deviceTags"]) == ("pump", {"hall": ["A", "B"]})
    device = root["device"]
    assert (device["id"], device["deviceId"], device["name"]) == (
        world.device,
        world.device,
        "pump",
    )
    assert device["tags"] == {"hall": ["A", "B"]}
    assert device["attributes"] == {"level": {"dataType": "number"}}
    assert set(device["creationDate"]) == {"$date"}
    assert (root["triggerId"], root["meta"]) == (world.device, {"m": 1})


async def test_nodes_that_are_gone_from_every_version_are_forgotten(world):
    latch = {"rule": "latch", "key": "", "latch": True, "reset": False}
    flow = await saved(world, by_id(world))
    other = {**NODE, "id": "m"}
    body = {"version": "v1", "nodes": [other]}
    made = await world.server.catalog.create(
        user(), VERSION, world.application, msgspec.json.encode(body), {"flow_id": flow}
    )
    world.flow = flow
    await world.ask("memory.advance", {**latch, "node": "n"}, {**latch, "node": "m"})

    async def kept():
        return [await world.store.read(lambda s, n=n: s.flows.memory.size(flow, n)) for n in "nm"]

    async def patched(**change):
        old = (world.application, flow, None)
        await world.server.catalog.patch(user(), FLOW, old, msgspec.json.encode(change))

    await patched(name="other")
    assert await kept() == [1, 1]
    await patched(nodes=[], triggers=[])
    assert await kept() == [0, 1]
    version_id = msgspec.json.decode(made)["id"]
    await world.server.catalog.delete(user(), VERSION, world.application, version_id, flow)
    assert await kept() == [0, 0]


async def test_what_cannot_be_read_starts_those_alone_who_take_it(world):
    taker = await saved(world, by_id(world, config={"allowInvalid": True, "triggerOn": "both"}))
    await saved(world, by_id(world, config={"attributeWhitelist": ["level"]}))
    await saved(world, by_tag("hall/A", config={"allowInvalid": True, "triggerOn": "batch"}))
    told = Told(user(), world.device, [], original="no JSON {")

    await world.store.write(lambda s: world.reports.take(s, world.application, [told]))

    ((flow_id, firing),) = await world.runs()
    assert flow_id == taker
    assert firing.data == b"null"
    root = msgspec.json.decode(firing.root)
    assert (root["original"], root["triggerId"]) == ("no JSON {", world.device)


async def test_what_cannot_be_read_is_not_stored_where_nobody_takes_it(world):
    await saved(world, by_id(world))
    told = Told(user(), world.device, [], original="no JSON {")

    await world.store.write(lambda s: world.reports.take(s, world.application, [told]))

    assert await world.firings() == []


async def test_what_a_report_is_sent_with_stays_as_it_is_also_where_it_looks_like_a_date(world):
    await saved(world, by_id(world, config={"batchBehavior": "once"}))
    meta = {"at": {"$date": "2026-01-02T03:04:05.678Z"}}

    await world.report(meta=meta)
    await world.report(times=2, meta=meta)

    (_, one), (_, two) = await world.runs()
    assert decode(one.root)["meta"] == meta
    assert [each["meta"] for each in decode(two.data)] == [meta, meta]
    assert isinstance(decode(two.data)[0]["time"], datetime)


async def test_what_a_button_is_pressed_with_stays_as_it_is(world):
    button = {"type": "virtualButton", "key": "b", "outputIds": [["n"]]}
    flow = await saved(world, button)
    given = {"at": {"$date": "2026-01-02T03:04:05.678Z"}}
    press = Press(key="b", payload=given, meta=given)

    await Workflows(world.store).press(user(), world.application, flow, press)

    (firing,) = await world.firings("virtualButton")
    assert decode(firing.data) == decode(firing.root)["meta"] == given
