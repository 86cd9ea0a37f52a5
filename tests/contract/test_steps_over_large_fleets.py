"""What concerns a few devices of a fleet looks at few, on both stores."""

from __future__ import annotations

import pytest
import pytest_asyncio

from drover.kinds.device import KIND
from drover.model.kind import Stamp
from drover.ports.reports import Span, Suggestion
from drover.ports.resources import Listing
from drover.query.filters import tagged_any
from drover.query.tree import ALL, Compare, Operator, all_of
from drover.store.presence import PresenceStore
from drover.store.reports import ReportStore
from drover.store.resources import ResourceStore
from drover.store.search import SearchStore
from tests.support.counted_steps import CountedSteps

pytestmark = pytest.mark.asyncio(loop_scope="module")

APPLICATION, TALKATIVE = "a" * 24, f"{0:024x}"
MANY = 20_000
FEW = MANY // 10
"""Steps of the database that a look takes no more of; at all it takes many times."""
POINTS = 50_000
HALLS = 3
IN_HALL = tagged_any("tags", [{"key": "hall", "value": "0"}])


def _id(number):
    return f"{number:024x}"


def _document(number):
    shape = Stamp(_id(number), APPLICATION, 1)
    return KIND.shown(KIND.create(b'{"name": "d"}', shape, None)).decode() if number < 10 else "{}"


def _device(number):
    kind = {1: "gateway", 5: "floating", 6: "floating"}.get(number, "standalone")
    kind, gateway = ("peripheral", _id(1)) if number in (2, 3) else (kind, None)
    parent = _id(1) if number in (8, 9) else None
    return (APPLICATION, _id(number), f"d{number}", kind, gateway, parent, 1, 1, _document(number))


async def _fill(tx):
    names = ("application_id", "id", "name", "device_class", "gateway_id", "parent_id")
    columns = (*names, "created_ms", "updated_ms", "document")
    numbers = range(MANY)
    await tx.copy_rows("device", columns, [_device(each) for each in numbers])
    tags = [(APPLICATION, _id(each), "hall", str(each % HALLS)) for each in numbers]
    await tx.copy_rows("device_tag", ("application_id", "device_id", "key", "value"), tags)
    names = [(APPLICATION, _id(each), "heat", "number") for each in numbers]
    columns = ("application_id", "device_id", "name", "data_type")
    await tx.copy_rows("device_attribute", columns, names)
    columns = ("device_id", "attribute", "time_ms", "value")
    points = [(TALKATIVE, "heat", each, str(each)) for each in range(1, POINTS + 1)]
    await tx.copy_rows("device_state", columns, points)
    await tx.copy_rows("device_last", columns, points[-1:])
    if tx.dialect == "postgres":
        await tx.execute_sql("ANALYZE")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleet(shared_database):
    await shared_database.write(_fill)
    return shared_database


async def steps_of(fleet, ask):
    """Return what is found, and how many steps it took."""

    async def work(tx):
        counted = CountedSteps(tx)
        return await ask(counted), counted.steps

    return await fleet.read(work)


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (Suggestion(what="tagKeys"), ["hall"]),
        (Suggestion(what="tagValues", tag_key="hall"), ["0", "1", "2"]),
        (Suggestion(what="tagValues", tag_key="none"), []),
        (Suggestion(what="attributeNames"), ["heat"]),
        (Suggestion(what="attributeNames", data_types=("number",)), ["heat"]),
    ],
)
async def test_the_few_names_that_all_devices_have_are_found_at_once(fleet, what, found):
    names, steps = await steps_of(
        fleet, lambda tx: ReportStore(tx).names(APPLICATION, what, ALL, "")
    )

    assert names == found
    assert steps < FEW


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("D1999", ["d1999", *(f"d{each}" for each in range(19990, 19999))]),
        ("", ["d0", "d1", "d10", "d100", "d1000", "d10000", *(f"d1000{n}" for n in (1, 2, 3, 4))]),
        ("none", []),
    ],
)
async def test_devices_whose_names_begin_so_are_found_at_once(fleet, start, found):
    devices, steps = await steps_of(
        fleet, lambda tx: SearchStore(tx).devices(APPLICATION, start, 10)
    )

    assert [each.name for each in devices] == found
    assert steps < FEW


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Compare("name", Operator.CONTAINS, "9999"), 2),
        (Compare("name", Operator.STARTS_WITH, "d1999", fold=True), 11),
        (Compare("name", Operator.ENDS_WITH, "D4711", fold=True), 1),
        (Compare("name", Operator.GLOB, "*1?777*"), 10),
        (all_of([Compare("name", Operator.GLOB, "D1234*"), IN_HALL]), 3),
        (Compare("name", Operator.CONTAINS, "none"), 0),
    ],
)
async def test_devices_that_have_a_text_in_their_names_are_found_at_once(fleet, asked, found):
    listing = Listing(query=asked, sort_field="name", limit=100)

    page, steps = await steps_of(
        fleet, lambda tx: ResourceStore(tx).page_bytes(KIND, APPLICATION, listing)
    )

    assert page.total == len(page.items) == found
    assert steps < MANY


@pytest.mark.parametrize(("start_ms", "end_ms", "value"), [(1, 2**50, POINTS), (1, 500, 500)])
async def test_the_newest_value_of_a_span_is_found_at_once(fleet, start_ms, end_ms, value):
    span = Span(start_ms=start_ms, end_ms=end_ms)

    readings, steps = await steps_of(fleet, lambda tx: ReportStore(tx).latest([TALKATIVE], span))

    assert [each.value for each in readings] == [value]
    assert steps < FEW


async def test_devices_that_a_gateway_speaks_for_are_found_at_once(fleet):
    ids, steps = await steps_of(
        fleet, lambda tx: PresenceStore(tx).behind(APPLICATION, _id(1), 100)
    )
    other, _ = await steps_of(fleet, lambda tx: PresenceStore(tx).behind("b" * 24, _id(1), 100))

    assert ids == [_id(each) for each in (2, 3, 5, 6)]
    assert other == []
    assert steps < FEW


async def test_a_page_that_nobody_needs_the_total_of_is_not_counted(fleet):
    listing = Listing(sort_field="id", limit=10, counted=False)

    page, steps = await steps_of(
        fleet, lambda tx: ResourceStore(tx).page_bytes(KIND, APPLICATION, listing)
    )

    assert len(page.items) == page.total == 10
    assert steps < FEW


@pytest.mark.parametrize(("field", "found"), [("gatewayId", [2, 3]), ("parentId", [8, 9])])
async def test_a_list_of_what_is_behind_one_device_reads_no_others(fleet, field, found):
    query = Compare(field, Operator.EQUAL, _id(1))
    listing = Listing(sort_field="name", limit=10, query=query)

    page, steps = await steps_of(
        fleet, lambda tx: ResourceStore(tx).page(KIND, APPLICATION, listing)
    )

    assert [each.id for each in page.items] == [_id(each) for each in found]
    assert steps < FEW
