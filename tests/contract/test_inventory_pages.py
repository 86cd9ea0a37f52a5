"""Pages of the inventory over HTTP: cursors, sizes, orders."""

from __future__ import annotations

import pytest

from drover.app.inventory_cursor import seal_cursor
from drover.ports.inventory import Place


@pytest.fixture
def server(digi_server):
    return digi_server


async def test_pages_follow_each_other_by_cursor_while_jobs_are_added(server):
    numbers = [await server.job() for _ in range(7)]
    first = await server.get(size="3")
    await server.job()
    second = await server.get(size="2", cursor=first["cursor"])
    third = await server.get(cursor=second["cursor"])

    seen = [job["id"] for page in (first, second, third) for job in page["list"]]
    assert seen == numbers[::-1]
    assert [page["start"] for page in (first, second, third)] == [0, 3, 5]
    assert [page["count"] for page in (first, second, third)] == [3, 2, 2]
    assert "cursor" not in third


async def test_an_exactly_full_last_page_has_no_cursor(server):
    for _ in range(4):
        await server.job()
    first = await server.get(size="2")

    second = await server.get(size="2", cursor=first["cursor"])

    assert second["count"] == 2
    assert "cursor" not in second


@pytest.mark.parametrize("size", ["1001", " 5000", "+00001001", "9" * 5000])
async def test_size_is_lowered_to_a_thousand_and_the_total_told_on_request(server, size):
    await server.job()

    page = await server.get(size=size, total="true")

    assert (page["size"], page["total"]) == (1000, 1)


async def test_order_is_descending_unless_said_otherwise_and_ties_go_newest_first(server):
    a = await server.job(name="b")
    b = await server.job(name="A")
    c = await server.job(name="B")

    assert await server.ids(orderby="job_name") == [c, a, b]
    assert await server.ids(orderby="JOB_NAME ASC") == [b, c, a]
    assert await server.ids(orderby="id asc") == [a, b, c]
    assert await server.ids(orderby="  ") == [c, b, a]
    assert await server.ids(orderby="job_id desc") == [c, b, a]


async def test_unset_values_sort_last_in_both_directions(server):
    low = await server.device("low", signal_percent="5")
    high = await server.device("high", signal_percent="70")
    a, b, c = await server.job(low), await server.job(high), await server.job()

    assert await server.ids(orderby="signal_percent asc") == [a, b, c]
    assert await server.ids(orderby="signal_percent desc") == [b, a, c]


@pytest.mark.parametrize("field", ["status", "job_type", "end_time", "job_name"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_pages_in_any_order_are_parts_of_one_list(server, field, direction):
    for each in range(7):
        state = ("succeeded", "queued", "running")[each % 3]
        await server.job(state=state, kind=("reboot", "beacon")[each % 2], name=f"job {each % 2}")
    order = f"{field} {direction}"

    whole = [job["id"] for job in (await server.get(orderby=order))["list"]]
    parts, page = [], await server.get(orderby=order, size=2)
    while "cursor" in page:
        parts += page["list"]
        page = await server.get(orderby=order, size=2, cursor=page["cursor"])

    assert [job["id"] for job in [*parts, *page["list"]]] == whole
    assert len(set(whole)) == 7


@pytest.mark.parametrize(
    ("orderby", "place"),
    [
        ("status", Place(5, 5)),
        ("end_time", Place("later", 5)),
        ("job_name", Place("a\0b", 5)),
        ("", Place("a", 5)),
        ("", Place(None, 2**63)),
        ("target_count", Place(2**70, 5)),
    ],
)
async def test_a_cursor_that_was_made_up_is_refused(server, orderby, place):
    cursor = seal_cursor(0, place, ("", orderby))

    answer = await server.ask("GET", "/inventory", orderby=orderby, cursor=cursor)

    assert answer.status_code == 400
    assert answer.json()["error_context"] == {"parameter": "cursor"}
