"""Audit logs, calls of endpoints and dashboards are kept alike by each database."""

from __future__ import annotations

import pytest
from msgspec import structs

from drover.kinds.owned_dashboard import KIND as OWNED
from drover.model.audit import NOBODY, AuditEntry, Named
from drover.model.errors import Missing, TooLarge
from drover.model.kind import Stamp
from drover.ports.audit import AuditWanted
from drover.ports.counts import EndpointCall
from drover.ports.resources import Listing
from drover.query.tree import Compare, Operator
from drover.store.session import SqlStore

ORG, OTHER, ALWAYS = "a" * 24, "b" * 24, 2**50


@pytest.fixture
def store(database) -> SqlStore:
    return SqlStore(database)


def entry(number, **changes):
    made = AuditEntry(
        id=f"{number:024x}",
        org_id=ORG,
        at_ms=number,
        status=200,
        resource="device",
        action="patch",
        actor=Named(id="c" * 24, type="User", name=f"u{number}"),
        primary=NOBODY,
        secondary=Named(id="d" * 24, type="Device", name="a\0b"),
        document=f'{{"n":{number}}}',
    )
    return structs.replace(made, **changes)


async def page(store, **wanted):
    asked = AuditWanted(start_ms=0, end_ms=ALWAYS, **wanted)
    return await store.read(lambda session: session.audit.page(ORG, asked))


async def test_entries_come_in_the_order_asked_for(store):
    entries = [entry(1, status=500), entry(2), entry(3), entry(4, org_id=OTHER)]
    await store.write(lambda session: session.audit.add(entries))

    assert await page(store) == (['{"n":3}', '{"n":2}', '{"n":1}'], 3)
    assert (await page(store, descending=False, limit=1, offset=1))[0] == ['{"n":2}']
    assert (await page(store, sort_field="responseStatus", limit=1))[0] == ['{"n":1}']
    assert (await page(store, sort_field="actorName", limit=1))[0] == ['{"n":3}']
    named = Compare("secondaryName", Operator.EQUAL, "ab")
    assert (await page(store, query=named))[1] == 3
    assert (await page(store, query=Compare("responseStatus", Operator.EQUAL, 500)))[1] == 1


async def test_an_entry_is_found_in_its_own_log_alone(store):
    await store.write(lambda session: session.audit.add([entry(1)]))

    async def read(org_id):
        return await store.read(lambda session: session.audit.get(org_id, f"{1:024x}"))

    assert await read(ORG) == '{"n":1}'
    with pytest.raises(Missing):
        await read(OTHER)
    nobody = await store.read(lambda session: session.audit.names(["c" * 24], ["d" * 24]))
    assert nobody == {}
    assert await store.read(lambda session: session.audit.applications([ORG])) == {}
    assert await store.read(lambda session: session.audit.dashboard(ORG)) is None


async def test_calls_of_endpoints_add_up_and_are_forgotten(store):
    call = EndpointCall(
        application_id=ORG, endpoint_id="e", version="develop", domain="", status=200, hour_ms=10
    )
    later = EndpointCall(
        application_id=ORG, endpoint_id="e", version="develop", domain="", status=404, hour_ms=20
    )
    for _ in range(2):
        await store.write(lambda session: session.counts.add_calls([call, later]))

    async def calls():
        found = await store.read(lambda session: session.counts.calls(ORG, 0, 100))
        return [(each.status, each.calls) for each in found]

    assert await calls() == [(200, 2), (404, 2)]
    await store.write(lambda session: session.counts.forget_calls(15))
    assert await calls() == [(404, 2)]


def board(number, owner):
    stamp = Stamp(f"{number:024x}", owner, number)
    made = OWNED.create(f'{{"name":"board {number}"}}'.encode(), stamp)
    return structs.replace(made, owner_id=owner, owner_type="organization")


async def test_dashboards_are_listed_and_found_whosever_they_are(store):
    for number, owner in ((1, ORG), (2, OTHER), (3, ORG)):
        made = board(number, owner)
        await store.write(lambda session, made=made: session.resources.add(OWNED, made))

    async def listed(*kept_under, **wanted):
        listing = Listing(sort_field="name", **wanted)
        found = await store.read(lambda session: session.dashboards.page(kept_under, listing))
        return found.total, len(found.items)

    assert await listed(ORG, OTHER) == (3, 3)
    assert await listed(ORG, limit=1, descending=True) == (2, 1)
    assert await listed(ORG, filter_field="name", filter="*3") == (1, 1)
    assert await listed() == (0, 0)
    assert await listed(ORG, most_bytes=10_000) == (2, 2)
    with pytest.raises(TooLarge, match="ask for fewer"):
        await listed(ORG, most_bytes=100)
    place = await store.read(lambda session: session.dashboards.place(f"{2:024x}"))
    assert place == ("dashboard", OTHER)
    told = await store.read(lambda session: session.audit.dashboard(f"{2:024x}"))
    assert (told.name, told.application_id, told.org_id) == ("board 2", None, None)
    await store.write(lambda session: session.dashboards.remove_owned(ORG))
    assert await listed(ORG, OTHER) == (1, 1)
    with pytest.raises(Missing):
        await store.read(lambda session: session.dashboards.place(f"{1:024x}"))
