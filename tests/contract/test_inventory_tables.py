"""Tables that the database writes are what RFC 4180 says, cell by cell, in every order."""

from __future__ import annotations

import csv
import io
import random

import pytest_asyncio

from drover.store.inventory import table
from tests.support.digi_server import DigiServer

PARTS = ["a", "é", "\U0001f69c", ",", '"', '""', "\r", "\n", "\r\n", "\t", " ", ";", "=", "+", "-", "@", "'", "[", "]", "%", "\\", "|", "{0}", ":p0", "0"]  # fmt: skip


@pytest_asyncio.fixture
async def server(database):
    made = await DigiServer(database).begin()
    yield made
    await made.close()


def _cell(text: str, *, raw: bool) -> str:
    if not raw and text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        text = f"'{text}"
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


async def test_any_text_comes_out_as_it_is_and_harmless_unless_raw(server):
    chance = random.Random(7)
    names = ["".join(chance.choices(PARTS, k=chance.randrange(1, 6))) for _ in range(150)]
    names += [part for part in PARTS if part.strip()]
    numbers = [await server.job(name=name) for name in names]

    for raw in (False, True):
        answer = await server.ask("GET", "/bulk", fields="id,job_name", raw=str(raw).lower())
        expected = "".join(
            f"{number},{_cell(name, raw=raw)}\r\n"
            for number, name in sorted(zip(numbers, names, strict=True), reverse=True)
        )
        assert answer.text == f"id,job_name\r\n{expected}"
    plain = await server.ask("GET", "/bulk", fields="job_name", raw="true", orderby="id asc")
    read = list(csv.reader(io.StringIO(plain.text, newline=""), strict=True))
    assert [row[0] for row in read[1:]] == names


async def test_every_order_and_every_gap_in_the_numbers_gives_each_job_once(server, monkeypatch):
    monkeypatch.setattr(table, "SPAN", 3)
    device = await server.device("Pump", tag="a;b", group="/x")
    numbers = [await server.job(device, name=f"job {n % 4}") for n in range(14)]
    gone = numbers[0:2] + numbers[5:10] + numbers[13:]
    await server.ask("DELETE", "/inventory", query=f"id in ({', '.join(map(str, gone))})")
    kept = [number for number in numbers if number not in gone]

    async def ids(**asked: str) -> list[int]:
        text = (await server.ask("GET", "/bulk", fields="id,name,tags", **asked)).text
        rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
        assert {tuple(row[1:]) for row in rows} <= {("Pump", "a;b")}
        return [int(row[0]) for row in rows]

    assert await ids() == kept[::-1]
    assert await ids(orderby="id asc") == kept
    assert sorted(await ids(orderby="job_name")) == kept
    assert await ids(query="group = '/x' and job_name = 'JOB 2'") == [
        number for number in kept[::-1] if numbers.index(number) % 4 == 2
    ]
    assert await ids(query="name = 'valve'") == []


async def test_moments_have_milliseconds_and_what_is_unset_is_empty(server):
    number = await server.job(
        state="running", requested_ms=1_613_987_920_070, started_ms=999, cancel_requested=1
    )

    answer = await server.ask(
        "GET",
        "/bulk",
        fields="id,submit_time,start_time,end_time,cancel_requested,last_connect,name",
    )

    assert answer.text.splitlines()[1] == (
        f"{number},2021-02-22T09:58:40.070Z,1970-01-01T00:00:00.999Z,,true,,"
    )


async def test_every_moment_is_written_as_the_list_writes_it(server):
    chance = random.Random(11)
    moments = [chance.randrange(4_102_444_800_000) for _ in range(60)]
    moments += [n * 1000 + rest for n in (0, 1_700_000_000) for rest in (0, 1, 500, 998, 999)]
    for ms in moments:
        await server.job(requested_ms=ms)

    text = (await server.ask("GET", "/bulk", fields="submit_time")).text
    listed = (await server.get(size="1000"))["list"]

    assert text.split()[1:] == [job["submit_time"] for job in listed]
