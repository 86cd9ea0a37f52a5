"""The inventory as CSV over HTTP."""

from __future__ import annotations

import csv
import io

import pytest

from tests.support.digi_server import fleet


@pytest.fixture
def server(digi_server):
    return digi_server


async def test_all_jobs_are_taken_out_as_csv(server):
    await fleet(server)
    listed = (await server.get())["list"]

    answer = await server.ask("GET", "/bulk")

    assert answer.headers["content-type"] == "text/csv;charset=UTF-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="jobs.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.text.endswith("\r\n")
    shown = [{name: cell for name, cell in row.items() if cell} for row in rows]
    expected = [{name: _cell(value) for name, value in job.items()} for job in listed]
    assert shown == expected


def _cell(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


async def test_csv_has_the_columns_that_were_asked_for(server):
    numbers = await fleet(server)

    answer = await server.ask(
        "GET",
        "/bulk",
        fields="NAME, job_id,tags,group,signal_percent",
        query="id < 3",
        orderby="id asc",
    )

    assert answer.text == (
        "name,id,tags,group,signal_percent\r\n"
        f"Pump,{numbers[0]},Important;nsx,/NorthWest/Yakima,\r\n"
        f"Pump,{numbers[1]},Important;nsx,/NorthWest/Yakima,\r\n"
    )


@pytest.mark.parametrize("fields", ["error_message", "id,error_message"])
async def test_no_match_and_empty_cells_are_written_plainly(server, fields):
    nothing = await server.ask("GET", "/bulk", fields=fields, query="id = 0")
    number = await server.job()
    one = await server.ask("GET", "/bulk", fields=fields)

    assert nothing.text == f"{fields}\r\n"
    assert one.text == f"{fields}\r\n" + ("\r\n" if fields == "error_message" else f"{number},\r\n")


async def test_csv_quotes_what_needs_it_and_disarms_formulas_unless_raw(server):
    await server.job(name='=1+"2"')
    await server.job(name="a,b\r\nc")
    await server.job(name="plain text")

    safe = await server.ask("GET", "/bulk", fields="job_name")
    raw = await server.ask("GET", "/bulk", fields="job_name", raw="true")

    assert safe.text == 'job_name\r\nplain text\r\n"a,b\r\nc"\r\n"\'=1+""2"""\r\n'
    assert raw.text.endswith('"=1+""2"""\r\n')
