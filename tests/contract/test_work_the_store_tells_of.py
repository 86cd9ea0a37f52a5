"""The store tells at once that it holds work for others, whoever stored it, once it is durable."""

import pytest

from drover.ports.flows import IndexedTrigger
from drover.ports.jobs import Firing
from drover.ports.schedules import Schedule
from drover.store.session import SqlStore
from tests.contract.flow_host_world import World

APPLICATION = "a" * 24
FIRING = Firing(application_id=APPLICATION, trigger_type="event", key="any", data=b"{}", root=b"{}")
SCHEDULE = Schedule(
    kind="timer", ref="f/a", application_id=APPLICATION, seconds=5, next_due_ms=5, detail=b"{}"
)


class Told(list):
    def __init__(self, database):
        self.store = SqlStore(database)
        self.store.fired = lambda: self.append("fired")
        self.store.scheduled = lambda: self.append("scheduled")


@pytest.fixture
def told(database):
    return Told(database)


async def fire(session):
    await session.jobs.add_firing(FIRING)


async def schedule(session):
    await session.jobs.schedules.put(SCHEDULE)


@pytest.mark.parametrize(("work", "names"), [(fire, ["fired"]), (schedule, ["scheduled"])])
async def test_who_acts_on_it_is_told_after_it_is_there(told, work, names):
    await told.store.write(work)

    assert told == names


async def test_it_is_told_also_where_it_is_stored_by_one_statement(told):
    await told.store.write_one(schedule)

    assert told == ["scheduled"]


async def test_what_is_read_or_taken_back_is_told_to_nobody(told):
    async def broken(session):
        await fire(session)
        await schedule(session)
        raise ZeroDivisionError

    async def looks(session):
        await session.jobs.firings.add([], 5)
        await session.jobs.firings.next_ms()
        await session.jobs.schedules.of("timer", "f")

    with pytest.raises(ZeroDivisionError):
        await told.store.write(broken)
    await told.store.write(looks)
    await told.store.write(lambda session: session.now_ms())

    assert told == []


async def test_who_saves_a_workflow_is_answered_once_its_messages_are_listened_to(told, database):
    world = await World(database).prepare()

    async def save(session, *types):
        triggers = [IndexedTrigger(position=at, type=of, key="k") for at, of in enumerate(types)]
        await session.flows.index(world.application, world.flow, "", triggers)

    async def listen():
        told.append(await told.store.read(lambda s: s.flows.all_keys("mqttTopic")))

    await told.store.write(lambda session: save(session, "mqttTopic"))  # where there is no broker
    told.store.awaited = listen

    await told.store.write(lambda session: save(session, "timer", "mqttTopic"))
    await told.store.write(lambda session: save(session, "timer"))

    assert told == [[(world.application, "k")]]
