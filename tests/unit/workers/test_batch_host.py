"""How a batch's acknowledgements of its own iterations travel."""

from __future__ import annotations

import msgspec
import pytest

from drover.ports.runner import ACKNOWLEDGE, FlowBatch, IterationBatch, Settled
from drover.workers.host import BatchHost

EXECUTION = "e" * 24


class Server:
    """Notes what it is told, and answers at once."""

    def __init__(self):
        self.rows = []
        self.all = []
        self.asked = []

    async def ask(self, operation, requests):
        self.asked.append((operation, len(requests)))
        return [{"result": {}}] * len(requests)

    async def settle(self, rows, count):
        self.rows.append((msgspec.json.decode(rows), count))
        return Settled(started_ms=1, completed_ms=2)

    async def settle_all(self, *, ok, message):
        self.all.append((ok, message))
        return Settled(started_ms=1, completed_ms=2)


@pytest.fixture
def server():
    return Server()


def host_of(server, *, serial=False):
    iterations = IterationBatch(
        execution_id=EXECUTION,
        job_id="j",
        trigger_type="resourceJobIteration",
        resource_type="device",
        execution=b"{}",
        resource_ids=["a", "b"],
        documents=[b"{}", b"{}"],
        serial=serial,
    )
    batch = FlowBatch(
        application_id="a",
        flow_id="f",
        flow_tag="1",
        flow=b"",
        trigger_index=0,
        execution_id=EXECUTION,
        lease_id="1-1",
        iterations=iterations,
    )
    return BatchHost(batch, server, None)


def said(resource_id, ok=True, **more):
    return {"iterationId": f"{EXECUTION}-{resource_id}", "success": ok, **more}


async def test_what_says_the_same_of_all_is_said_once(server):
    host = host_of(server)

    answers = await host.call(
        ACKNOWLEDGE, [said("a", False, message="no"), said("b", False, message="no")]
    )

    assert server.all == [(False, "no")]
    assert server.rows == []
    assert [answer["result"]["message"] for answer in answers] == ["no", "no"]


@pytest.mark.parametrize(
    "requests",
    [
        [said("a"), said("b", False)],
        [said("a", message="one"), said("b", message="other")],
        [said("a", message="one"), said("b")],
        [said("a")],
    ],
)
async def test_what_differs_or_is_not_all_is_said_of_each(server, requests):
    await host_of(server).call(ACKNOWLEDGE, requests)

    ((rows, count),) = server.rows
    assert server.all == []
    assert count == len(requests)
    assert [row[:3] for row in rows] == [
        [each["iterationId"][-1], each["success"], each.get("message")] for each in requests
    ]


async def test_a_serial_iteration_is_said_by_itself_with_what_it_hands_on(server):
    host = host_of(server, serial=True)

    await host.call(ACKNOWLEDGE, [said("a", accumulator="1"), said("b", accumulator="2")])

    assert server.all == []
    assert [row[3] for row in server.rows[0][0]] == ["1", "2"]


async def test_accumulators_of_what_is_not_serial_are_left_out_and_make_no_difference(server):
    await host_of(server).call(
        ACKNOWLEDGE, [said("a", accumulator="1"), said("b", accumulator="2")]
    )

    assert server.all == [(True, None)]


async def test_what_is_acknowledged_twice_is_asked_of_the_server_the_second_time(server):
    await host_of(server).call(ACKNOWLEDGE, [said("a"), said("b"), said("a", False)])

    assert server.all == [(True, None)]
    assert server.asked == [(ACKNOWLEDGE, 1)]
