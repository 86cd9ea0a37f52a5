"""A page that no index finds has an end, and others are served meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from drover.app.inventory_reads import PatientReads
from drover.store.inventory import area
from tests.contract.driver_store import ENDLESS


@pytest.fixture
def server(digi_server):
    return digi_server


@pytest.fixture
def slow(monkeypatch):
    """Have every total be counted for ever."""

    async def count(self, _reach, _query):
        await self._tx.fetch_sql(ENDLESS)

    monkeypatch.setattr(area.InventoryArea, "count", count)


async def test_a_page_that_is_not_found_in_time_is_refused_with_its_reason(server, slow):
    server.inventory._reads = PatientReads(server.store, 0.2, quick_s=0.05)

    answer = await server.ask("GET", "/inventory", None, total="true")

    assert answer.status_code == 503
    assert answer.json() == {
        "error_status": 503,
        "error_message": (
            "No end was found in 0.2 s: the query has to look at too many jobs, or others were"
            " looked at first. Ask for a status, a job_type, ids or times as well."
        ),
    }
    assert answer.headers["Retry-After"] == "1"


async def test_other_pages_come_while_some_look_through_every_job(server, slow):
    server.inventory._reads = PatientReads(server.store, 3600.0, quick_s=2.0)
    job = await server.job()
    looking = [
        asyncio.ensure_future(server.ask("GET", "/inventory", None, total="true")) for _ in range(6)
    ]

    async with asyncio.timeout(120):
        for _ in range(20):
            assert await server.ids() == [job]
            assert (await server.get(f"/{job}"))["id"] == job

    assert not any(each.done() for each in looking)
    for each in looking:
        each.cancel()
    await asyncio.gather(*looking, return_exceptions=True)
