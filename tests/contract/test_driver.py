"""What both database drivers promise of reading and writing."""

import asyncio
import contextvars
import threading
import time

import pytest

from drover.store.driver import CheckBroken, ReferenceBroken, StatementFailed, UniqueBroken
from tests.contract.driver_store import ENDLESS, adding, ids


async def test_work_returns_its_result_and_is_there_for_the_next_reader(things):
    touched = await things.write(adding("a", 7))

    row = await things.fetch_one("one", {"id": "a"})

    assert touched == 1
    assert dict(row) == {"id": "a", "size": 7, "owner": None}


async def test_work_that_raises_leaves_nothing(things):
    async def work(tx):
        await tx.execute("add", {"id": "a", "size": 1})
        raise LookupError("changed its mind")

    with pytest.raises(LookupError, match="changed its mind"):
        await things.write(work)

    assert await ids(things) == []


async def test_work_in_a_crowd_fails_alone(things):
    def work_of(number):
        async def work(tx):
            await tx.execute("add", {"id": f"{number:02}", "size": 1})
            if number % 3 == 0:
                raise LookupError(number)
            return number

        return work

    outcomes = await asyncio.gather(
        *(things.write(work_of(number)) for number in range(30)), return_exceptions=True
    )

    kept = [number for number in range(30) if number % 3]
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == kept
    assert [error.args[0] for error in outcomes if isinstance(error, LookupError)] == list(
        range(0, 30, 3)
    )
    assert await ids(things) == [f"{number:02}" for number in kept]


async def test_a_failed_statement_that_was_passed_over_still_undoes_the_work(things):
    async def work(tx):
        await tx.execute("add", {"id": "a", "size": 1})
        try:
            await tx.execute("add", {"id": "a", "size": 2})
        except UniqueBroken:
            return "fine"

    with pytest.raises(StatementFailed):
        await things.write(work)

    assert await ids(things) == []


async def test_after_a_failed_statement_no_other_one_runs(things):
    seen = []

    async def work(tx):
        for statement in ("typo", "every"):
            try:
                await tx.fetch(statement)
            except StatementFailed as error:
                seen.append(error)
        raise seen[-1]

    with pytest.raises(StatementFailed, match="ends the transaction"):
        await things.read(work)

    assert seen[1].__cause__ is seen[0]


@pytest.mark.parametrize(
    ("statement", "params", "broken"),
    [
        ("add", {"id": "a", "size": 1}, UniqueBroken),
        ("add", {"id": "b", "size": -1}, CheckBroken),
        ("add", {"id": None, "size": 1}, CheckBroken),
        ("add_owned", {"id": "b", "owner": "nobody"}, ReferenceBroken),
        ("remove", {"id": "a"}, ReferenceBroken),
    ],
)
async def test_rules_of_the_schema_are_told_apart(things, statement, params, broken):
    await things.write(adding("a"))
    await things.write(lambda tx: tx.execute("add_owned", {"id": "z", "owner": "a"}))
    with pytest.raises(broken):
        await things.write(lambda tx: tx.execute(statement, params))

    assert await ids(things) == ["a", "z"]


@pytest.mark.parametrize(
    ("statement", "params"),
    [
        ("nowhere", {}),
        ("typo", {}),
        ("one", {}),
        ("one", {"id": object()}),
        ("add", {"id": "a", "size": 2**63}),
    ],
)
async def test_a_mistake_in_a_statement_is_told_and_does_no_harm(things, statement, params):
    for act in ("fetch", "fetch_one", "execute"):
        with pytest.raises(StatementFailed):
            await things.write(lambda tx, act=act: getattr(tx, act)(statement, params))

    await things.write(adding("a"))
    assert await ids(things) == ["a"]


async def test_one_of_many_takers_wins(things):
    await things.write(adding("prize"))
    await things.write(
        lambda tx: tx.execute_many("add", [{"id": f"{n}", "size": 1} for n in range(40)])
    )

    def taking(number):
        async def work(tx):
            return await tx.execute("take", {"id": "prize", "owner": f"{number}"})

        return work

    won = await asyncio.gather(*(things.write(taking(number)) for number in range(40)))

    assert sorted(won) == [0] * 39 + [1]
    row = await things.fetch_one("one", {"id": "prize"})
    assert row["owner"] == str(won.index(1))


async def test_execute_counts_the_rows_it_touched(things):
    async def work(tx):
        return [
            await tx.execute_many("add", [{"id": f"{n}", "size": n} for n in range(5)]),
            await tx.execute("grow"),
            await tx.execute("add_returning", {"id": "x", "size": 1}),
            await tx.execute("take", {"id": "missing", "owner": "0"}),
            await tx.execute_sql("DELETE FROM thing WHERE size > :size", {"size": 3}),
            await tx.execute_sql("CREATE TABLE other (id TEXT)"),
            await tx.execute_many("add", []),
        ]

    assert await things.write(work) == [5, 5, 1, 0, 2, 0, 0]


async def test_a_returning_statement_gives_its_rows(things):
    rows = await things.write(lambda tx: tx.fetch("add_returning", {"id": "a", "size": 3}))
    row = await things.write(lambda tx: tx.fetch_one("add_returning", {"id": "b", "size": 4}))

    assert [dict(each) for each in rows] == [{"id": "a", "size": 3}]
    assert list(row) == ["b", 4]
    assert await ids(things) == ["a", "b"]


async def test_rows_are_copied_in(things):
    rows = [(f"{number:04}", number) for number in range(2000)]

    count = await things.write(lambda tx: tx.copy_rows("thing", ["id", "size"], rows))

    assert count == 2000
    assert [tuple(row) for row in await things.fetch("every")] == rows


async def test_a_list_is_one_parameter(things):
    await things.write(
        lambda tx: tx.execute_many("add", [{"id": name, "size": 1} for name in ("a", "b", "c'\"")])
    )

    for wanted in (["a", "c'\"", "x"], ("a", "c'\"")):
        rows = await things.fetch("listed", {"ids": wanted})

        assert [row["id"] for row in rows] == ["a", "c'\""]
    assert await things.fetch("listed", {"ids": []}) == []


async def test_sql_text_with_named_parameters_runs(things):
    await things.write(adding("a", 5))

    rows = await things.read(
        lambda tx: tx.fetch_sql(
            "SELECT id, ':no' AS mark FROM thing WHERE size = :size OR size = :size + 1",
            {"size": 4},
        )
    )

    assert [dict(row) for row in rows] == [{"id": "a", "mark": ":no"}]


async def test_reading_cannot_write(things):
    async def after_a_look(tx):
        await tx.fetch("every")
        await tx.execute("add", {"id": "a", "size": 1})

    async def with_a_result(tx):
        return await tx.fetch("add_returning", {"id": "a", "size": 1})

    for work in (adding("a"), after_a_look, with_a_result):
        with pytest.raises(StatementFailed):
            await things.read(work)

    assert await ids(things) == []


async def test_a_transaction_cannot_be_used_after_its_work(things):
    async def work(tx):
        return tx

    for tx in (await things.write(work), await things.read(work)):
        with pytest.raises(StatementFailed, match="over"):
            await tx.fetch("every")


@pytest.mark.parametrize("text", ["", "é\U0001f600 ' \" \\ \n", "x" * 5_000_000, '{"a": null}'])
async def test_any_text_comes_back_as_it_was(things, text):
    row = await things.fetch_one("echo", {"text": text})

    assert row["text"] == text


async def test_bytes_and_the_ends_of_the_integers_come_back_as_they_were(things):
    await things.write(adding("most", 2**63 - 1))

    row = await things.fetch_one("bytes", {"data": b"\x00\xff" * 1_000_000})

    assert bytes(row["data"]) == b"\x00\xff" * 1_000_000
    assert (await things.fetch_one("one", {"id": "most"}))["size"] == 2**63 - 1


async def test_text_sorts_by_code_point(things):
    names = ["a", "B", "é", "Z", "_", "10", "9", "\U0001f600", "\uffee"]

    await things.write(lambda tx: tx.execute_many("add", [{"id": n, "size": 1} for n in names]))

    assert await ids(things) == sorted(names)


async def test_the_clock_is_the_stores(things):
    before = time.time() * 1000

    in_write = await things.write(lambda tx: tx.now_ms())
    in_read = await things.read(lambda tx: tx.now_ms())
    outside = await things.now_ms()

    assert before - 1 <= in_write <= in_read <= outside <= time.time() * 1000 + 1


async def test_work_sees_the_context_of_its_caller(things):
    request = contextvars.ContextVar("request")
    request.set("r-1")

    async def work(tx):
        return request.get()

    assert await things.write(work) == "r-1"
    assert await things.read(work) == "r-1"


async def test_a_caller_that_leaves_does_not_disturb_the_others(things):
    tasks = [asyncio.create_task(things.write(adding(f"{n:02}"))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert outcomes[1::2] == [1] * 10
    assert set(await ids(things)) >= {f"{n:02}" for n in range(1, 20, 2)}


async def test_a_short_write_of_several_statements_is_kept_whole_or_not_at_all(things):
    async def pair(tx):
        return [
            await tx.execute("add", {"id": name, "size": 1}) for name in ("a", "b")
        ], await tx.now_ms() > 0

    assert await things.jot(pair) == ([1, 1], True)
    with pytest.raises(UniqueBroken):
        await things.jot(pair)

    assert await ids(things) == ["a", "b"]


async def test_short_writes_in_a_crowd_fail_alone(things):
    works = [adding(f"{n % 20:02}") for n in range(40)]

    outcomes = await asyncio.gather(*(things.jot(each) for each in works), return_exceptions=True)

    assert [each for each in outcomes if not isinstance(each, UniqueBroken)] == [1] * 20
    assert await ids(things) == [f"{n:02}" for n in range(20)]


async def test_one_writing_statement_is_kept(things):
    assert await things.write_one(adding("a", 7)) == 1

    row = await things.fetch_one("one", {"id": "a"})
    assert row is not None
    assert row["size"] == 7


async def test_one_writing_statement_that_is_refused_says_so_and_changes_nothing(things):
    await things.write_one(adding("a"))

    with pytest.raises(UniqueBroken):
        await things.write_one(adding("a"))

    assert (await things.fetch_one("count"))["found"] == 1


async def test_a_read_that_nobody_waits_for_any_more_is_stopped(things):
    async def look(tx):
        begun.set()
        return await tx.fetch_sql(ENDLESS)

    for _ in range(20):  # more than there are readers or connections
        begun = threading.Event()
        reading = asyncio.ensure_future(things.read(look))
        await asyncio.to_thread(begun.wait)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    async with asyncio.timeout(60):
        assert await ids(things) == []
