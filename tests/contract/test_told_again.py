"""A run that is made again is told what its nodes that remember told it before, on each database."""

import pytest

from drover.app.answering import FlowHost, Tools
from drover.app.host import _told
from drover.ports.jobs import Firing
from drover.ports.runner import FlowBatch
from drover.system import RandomIds
from tests.contract.test_reactions import World


class Runs(World):
    """Runs of a workflow that were started by firings."""

    async def fire(self, run_id="r"):
        firing = Firing(
            application_id=self.application,
            trigger_type="virtualButton",
            key="k",
            data=b"{}",
            root=b"{}",
            run_id=run_id,
        )
        await self.store.write(lambda session: session.jobs.add_firing(firing))

    async def take(self):
        """Return a batch of all that is due, as often as it was taken before."""
        await self.store.write(lambda session: session.jobs.firings.release())
        now_ms = await self.store.read(lambda session: session.now_ms())
        leased = await self.store.write(
            lambda session: session.jobs.firings.lease(10, now_ms + 1, now_ms + 60_000)
        )
        return FlowBatch(
            application_id=self.application,
            flow_id=self.flow,
            flow_tag="t",
            flow=b"{}",
            trigger_index=0,
            firings=[each.number for each in leased],
            told=[each.told for each in leased],
        )

    async def latches(self, batch, run=0, turn=0, key="a", node="n"):
        tools = Tools(
            services=self.server.services,
            store=self.store,
            ids=RandomIds(),
            acks=self.server.heart.acks,
            web=None,
        )
        request = {"rule": "latch", "node": node, "key": key, "latch": True, "reset": False}
        asked = [{**request, "run": run, "turn": turn}]
        (answer,) = await FlowHost(tools).call(batch, "memory.advance", asked)
        return answer["result"]["latches"]


@pytest.fixture
async def runs(database):
    return await Runs(database).prepare()


async def test_a_run_that_is_made_again_is_told_the_same_and_another_is_not(runs):
    await runs.fire("one")
    await runs.fire("two")
    first = await runs.take()
    assert await runs.latches(first, run=0)
    assert not await runs.latches(first, run=1)
    assert await runs.latches(first, run=0, node="m")

    again = await runs.take()

    assert [await runs.latches(again, run) for run in (0, 1, 0)] == [True, False, True]
    assert await runs.latches(again, run=0, node="m")


async def test_each_turn_of_a_node_in_a_run_is_told_what_that_turn_was_told(runs):
    await runs.fire()
    first = await runs.take()
    assert [await runs.latches(first, turn=turn) for turn in (0, 1)] == [True, False]

    again = await runs.take()

    assert [await runs.latches(again, turn=turn) for turn in (0, 1)] == [True, False]
    assert await runs.latches(again, turn=2, key="b")


async def test_what_takes_the_place_of_a_run_is_told_anew(runs):
    await runs.fire()
    assert await runs.latches(await runs.take())

    await runs.fire()

    assert not await runs.latches(await runs.take())


@pytest.mark.parametrize(("name", "most"), [("MOST_TURNS", 0), ("LONGEST", 10)])
async def test_what_is_told_is_kept_within_bounds(runs, monkeypatch, name, most):
    monkeypatch.setattr(_told, name, most)
    await runs.fire()
    assert await runs.latches(await runs.take())

    assert not await runs.latches(await runs.take())
