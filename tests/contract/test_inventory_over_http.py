"""The inventory over HTTP on both stores: every endpoint in all its forms."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import pytest
import pytest_asyncio

from drover.model.access import Role
from drover.model.run import Actor
from tests.support.access_server import ADMIN
from tests.support.digi_server import ROOT, DigiServer, basic

XML = "application/xml;charset=UTF-8"


@pytest_asyncio.fixture
async def server(database):
    made = await DigiServer(database).begin()
    yield made
    await made.close()


async def _fleet(server):
    """Four jobs: of pump (succeeded), of both (failed), queued, running on the valve."""
    pump = await server.device("Pump", group="/NorthWest/Yakima", tag="Important;nsx")
    valve = await server.device("Valve", group="/test", tags="ops", signal_percent="20")
    return [
        await server.job(pump, succeeded=1),
        await server.job(pump, valve, failed=2, error="Device Not Connected"),
        await server.job(state="queued"),
        await server.job(valve, state="running"),
    ]


# Reading ------------------------------------------------------------------------------------------


async def test_an_empty_inventory_has_an_empty_list_and_no_cursor(server):
    assert await server.get() == {"count": 0, "size": 1000, "start": 0, "list": []}


async def test_the_root_lists_every_endpoint(server):
    summary = await server.get("")

    assert summary["count"] == len(summary["list"])
    assert {"method": "PUT", "path": f"{ROOT}/cancel{{id}}", "description": "Cancel one job"} in (
        summary["list"]
    )
    assert all(set(entry) == {"method", "path", "description"} for entry in summary["list"])


async def test_a_job_is_shown_with_the_members_of_the_contract(server):
    account = (await server.ok(server.token, "GET", "/me"))["id"]
    device = await server.device()
    number = await server.job(
        device,
        failed=1,
        error="Device Not Connected",
        source=Actor(type="user", id=account),
        name="Nightly reboot",
    )

    job = await server.get(f"/{number}")

    ended = job.pop("end_time")
    assert ended.endswith("Z")
    assert job == {
        "id": number,
        "job_type": "resource_job",
        "status": "failed",
        "username": ADMIN,
        "customer_id": 1,
        "job_name": "Nightly reboot",
        "submit_time": "2027-01-15T08:00:00.000Z",
        "target_count": 1,
        "success_count": 0,
        "failure_count": 1,
        "canceled_count": 0,
        "progress_percent": 100,
        "cancel_requested": False,
        "error_message": "Device Not Connected",
        "source": "resource_job",
        "source_id": f"{1:024x}",
        "targets": [device],
    }


@pytest.mark.parametrize(
    ("state", "counts", "status", "progress"),
    [
        ("new", {}, "new", 0),
        ("queued", {}, "new", 0),
        ("running", {"succeeded": 1}, "in_progress", 33),
        ("paused", {}, "in_progress", 0),
        ("failing", {}, "in_progress", 0),
        ("canceling", {"cancel_requested": 1}, "in_progress", 0),
        ("succeeded", {"succeeded": 2, "failed": 1}, "complete", 100),
        ("succeeded", {"failed": 2, "timed_out": 1}, "failed", 100),
        ("failed", {}, "failed", 0),
        ("canceled", {"succeeded": 2}, "canceled", 66),
    ],
)
async def test_each_state_has_its_word_and_counts(server, state, counts, status, progress):
    devices = [await server.device(f"d{n}") for n in range(3)]
    number = await server.job(*devices, state=state, **counts)

    job = await server.get(f"/inventory/{number}")

    assert (job["status"], job["progress_percent"]) == (status, progress)
    assert job["canceled_count"] == (1 if state == "canceled" else 0)
    assert await server.ids(f"status = '{status}'") == [number]
    assert await server.ids(f"status <> '{status}'") == []


async def test_one_job_can_be_read_in_every_form(server):
    (number, *_rest) = await _fleet(server)

    plain = await server.get(f"/{number}")

    for path in (f"/inventory/{number}", f"/{number}/", f"/{number}.json", f"/000{number}"):
        assert await server.get(path) == plain
    for path, accept in ((f"/{number}.xml", "*/*"), (f"/{number}", "application/xml")):
        answer = await server.ask("GET", path, basic() | {"Accept": accept})
        assert answer.headers["content-type"] == XML
        root = ET.fromstring(answer.content)  # noqa: S314 - of our own answer
        assert root.tag == "job"
        assert root.findtext("id") == str(number)
        assert [item.text for item in root.iter("item")] == plain["targets"]


async def test_the_list_is_the_same_as_json_and_xml(server):
    await _fleet(server)
    listed = await server.get("/inventory")

    assert await server.get("/inventory.json") == listed
    assert await server.get("/inventory/") == listed
    accepting = basic() | {"Accept": "text/html, application/xml;q=0.9, */*;q=0.8"}
    for path, headers in (("/inventory.xml", basic()), ("/inventory", accepting)):
        answer = await server.ask("GET", path, headers)
        assert answer.headers["content-type"] == XML
        root = ET.fromstring(answer.content)  # noqa: S314 - of our own answer
        assert [child.tag for child in root] == ["count", "size", "start", "list"]
        rows = [{cell.tag: cell.text for cell in job} for job in root.iter("job")]
        assert [list(row) for row in rows] == [list(job) for job in listed["list"]]
        assert [row["id"] for row in rows] == [str(job["id"]) for job in listed["list"]]


async def test_what_xml_forbids_is_replaced_and_the_rest_escaped(server):
    await server.job(name='a<b>&"c" \x01\x0b\ufffe \U0001f69c\r\n', error=None)

    answer = await server.ask("GET", "/inventory.xml")

    root = ET.fromstring(answer.content)  # noqa: S314 - of our own answer
    assert root.findtext(".//job_name") == 'a<b>&"c" \ufffd\ufffd\ufffd \U0001f69c\r\n'


# Pages --------------------------------------------------------------------------------------------


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


async def test_size_is_lowered_to_a_thousand_and_the_total_told_on_request(server):
    await server.job()

    page = await server.get(size="5000", total="true")

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


# Queries ------------------------------------------------------------------------------------------


async def test_both_conditions_hold_for_one_and_the_same_device(server):
    a = await server.device("a", carrier="X", tag="red")
    b = await server.device("b", carrier="Y", tag="blue")
    number = await server.job(a, b)

    assert await server.ids("carrier = 'x' and tags = 'red'") == [number]
    assert await server.ids("carrier = 'x' and tags = 'blue'") == []
    assert await server.ids("carrier = 'x' and not tags = 'blue'") == [number]


async def test_a_job_without_devices_is_tried_with_unset_fields(server):
    number = await server.job()

    assert await server.ids("name <> 'x' and group = empty") == [number]
    assert await server.ids("health_status = 'unknown'") == []
    assert await server.ids("not connection_status = 'connected'") == [number]


async def test_a_device_id_is_looked_for_under_id_as_well(server):
    device = await server.device()
    number = await server.job(device)
    await server.job()

    assert await server.ids(f"id = '{device.upper()}'") == [number]
    assert await server.ids(f"device_id startsWith '{device[:20]}'") == [number]
    assert await server.ids(f"id = '{number}'") == [number]


async def test_a_saved_device_is_found_by_what_it_is_now(server):
    device = await server.device("Old", group="/a", tag="one")
    number = await server.job(device)
    path = f"/applications/{server.application_id}/devices/{device}"

    body = {"name": "N\u00c9W", "tags": [{"key": "group", "value": "/b/C/"}]}
    await server.ok(server.token, "PATCH", path, body)

    assert await server.ids("name = 'n\u00e9w' and group = '/B/c'") == [number]
    assert await server.ids("tags = 'one' or group = '/a' or name = 'old'") == []


async def test_jobs_are_found_by_who_submitted_them(server):
    account = (await server.ok(server.token, "GET", "/me"))["id"]
    mine = await server.job(source=Actor(type="user", id=account))
    flow = await server.job(source=Actor(type="flow", id="e" * 24))
    none = await server.job()

    assert await server.ids(f"username = '{ADMIN.upper()}'") == [mine]
    assert await server.ids(f"username <> '{ADMIN}'") == [none, flow]
    assert await server.ids("username = empty") == [none, flow]
    assert await server.ids("username contains '@EXAMPLE'") == [mine]
    assert await server.ids("", orderby="username asc") == [mine, none, flow]


async def test_relative_times_count_from_now_and_a_plus_may_arrive_as_a_space(server):
    number = await server.job()
    server.clock.advance(3600)

    assert await server.ids("submit_time > -2h") == [number]
    assert await server.ids("submit_time > -30m") == []
    answer = await server.client.get(f"{ROOT}/inventory?query=submit_time<+30d", headers=basic())
    assert [job["id"] for job in answer.json()["list"]] == [number]


# CSV ----------------------------------------------------------------------------------------------


async def test_all_jobs_are_taken_out_as_csv(server):
    await _fleet(server)
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
    numbers = await _fleet(server)

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


# Cancelling and deleting --------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["/cancel{0}", "/cancel/{0}", "/cancel{0}/"])
async def test_one_job_is_canceled_by_its_id(server, form):
    done, _failed, queued, running = await _fleet(server)

    first = await server.ask("PUT", form.format(queued))
    again = await server.ask("PUT", form.format(queued))
    under_way = await server.ask("PUT", form.format(running))
    ended = await server.ask("PUT", form.format(done))
    absent = await server.ask("PUT", form.format(999))

    assert first.json() == {"count": 1, "list": [{"id": queued, "status": "canceled"}]}
    assert (again.status_code, again.json()) == (200, first.json())
    assert under_way.json()["list"] == [{"id": running, "status": "in_progress"}]
    assert (await server.get(f"/{running}"))["cancel_requested"] is True
    assert (ended.status_code, ended.json()["error_status"]) == (409, 409)
    assert absent.status_code == 404
    assert (await server.get(f"/{done}"))["status"] == "complete"


async def test_several_ids_are_canceled_each_by_itself(server):
    done, _failed, queued, _running = await _fleet(server)

    answer = await server.ask("PUT", f"/cancel/{queued},{done},999,{queued}")

    assert answer.status_code == 207
    body = answer.json()
    assert body["count"] == 3
    assert [(each["id"], each.get("error_status")) for each in body["list"]] == [
        (queued, None),
        (done, 409),
        (999, 404),
    ]
    assert body["list"][1]["error_context"] == {"id": done}


@pytest.mark.parametrize("path", ["/cancel", "/inventory/cancel"])
async def test_every_match_of_a_query_is_canceled(server, path):
    done, _failed, queued, running = await _fleet(server)

    mixed = await server.ask("PUT", path, query=f"id = {done} or status = 'new'")
    good = await server.ask("PUT", path, query="status = 'in_progress'", size="0", cursor="x")
    none = await server.ask("PUT", path, query="id = 0")

    assert mixed.status_code == 207
    assert [each["id"] for each in mixed.json()["list"]] == [queued, done]
    assert (good.status_code, good.json()["list"]) == (
        200,
        [{"id": running, "status": "in_progress"}],
    )
    assert (none.status_code, none.json()) == (200, {"count": 0, "list": []})
    assert server.signals.close.is_set()


async def test_more_matches_than_one_unit_of_work_holds_are_all_canceled(server):
    now = server.clock.ms
    columns = (
        "id", "kind", "name", "application_id", "state", "detail", "requested_ms", "due_ms",
        "concurrency", "delay_ms", "timeout_ms", "retry_on_timeout", "retry_on_failure",
        "max_retries", "retry_delay_ms",
    )  # fmt: skip
    rows = [
        (
            f"{n:024x}",
            "reboot",
            "j",
            server.application_id,
            "queued",
            "{}",
            now,
            now,
            1,
            0,
            1,
            0,
            0,
            0,
            0,
        )
        for n in range(2001)
    ]
    await server.database.write(lambda tx: tx.copy_rows("execution", columns, rows))

    answer = await server.ask("PUT", "/cancel", query="job_type = 'REBOOT'")

    assert answer.json()["count"] == 2001
    assert (await server.get(query="status = 'canceled'", total="true"))["total"] == 2001


@pytest.mark.parametrize("form", ["/{0}", "/inventory/{0}"])
async def test_one_job_is_deleted_once_it_has_ended(server, form):
    done, _failed, queued, _running = await _fleet(server)

    gone = await server.ask("DELETE", form.format(done))
    early = await server.ask("DELETE", form.format(queued))

    assert gone.json() == {"count": 1, "list": [{"id": done, "status": "complete"}]}
    assert early.status_code == 409
    assert (await server.ask("GET", f"/{done}")).status_code == 404
    assert (await server.ask("DELETE", form.format(done))).status_code == 404
    assert (await server.get(f"/{queued}"))["status"] == "new"


async def test_a_delete_by_query_leaves_what_has_not_ended(server):
    done, failed, queued, running = await _fleet(server)

    answer = await server.ask("DELETE", "/inventory", query="id > 0")

    assert answer.status_code == 207
    assert [(e["id"], e.get("error_status")) for e in answer.json()["list"]] == [
        (running, 409),
        (queued, 409),
        (failed, None),
        (done, None),
    ]
    assert await server.ids() == [running, queued]


async def test_cancel_and_delete_hides_what_runs_and_deletes_it_once_it_stopped(server):
    done, failed, queued, running = await _fleet(server)

    answer = await server.ask("DELETE", "/cancel", query="job_type = 'resource_job'")

    assert answer.status_code == 200
    assert [(each["id"], each["status"]) for each in answer.json()["list"]] == [
        (running, "in_progress"),
        (queued, "canceled"),
        (failed, "failed"),
        (done, "complete"),
    ]
    assert await server.ids() == []
    assert (await server.ask("GET", f"/{running}")).status_code == 404
    assert (await server.ask("GET", "/bulk", fields="id")).text == "id\r\n"
    assert (await server.ask("PUT", f"/cancel{running}")).status_code == 404
    await server.inventory.purge()
    assert await _stored(server) == [running]
    await server.database.write(
        lambda tx: tx.execute_sql("UPDATE execution SET state = 'canceled', completed_ms = 1")
    )
    await server.inventory.purge()
    assert await _stored(server) == []


async def _stored(server):
    rows = await server.database.read(lambda tx: tx.fetch_sql("SELECT number FROM execution"))
    return [row["number"] for row in rows]


# Who may ------------------------------------------------------------------------------------------


async def test_each_way_to_sign_in_is_accepted(server):
    key = await server.key()
    for headers in (basic(), key, {"Authorization": f"Bearer {server.token}"}):
        assert (await server.ask("GET", "/inventory", headers)).status_code == 200


async def test_keys_win_over_a_password_and_one_alone_is_not_enough(server):
    key = await server.key()
    for bad in (
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ###"},
        {"Authorization": "Basic bm9jb2xvbg=="},
        {"Authorization": "Basic \u00ff".encode("latin-1").decode("latin-1")},
        basic(password="wrong"),
        basic(user="nobody@example.com"),
        basic() | {"X-API-KEY-ID": key["X-API-KEY-ID"]},
        basic() | {"X-API-KEY-SECRET": key["X-API-KEY-SECRET"]},
        basic() | key | {"X-API-KEY-SECRET": "wrong"},
    ):
        encoded = {name: value.encode("latin-1") for name, value in bad.items()}
        answer = await server.ask("GET", "/inventory", encoded)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="ws"'
        assert answer.json()["error_status"] == 401


async def test_a_read_only_role_reads_and_changes_nothing(server):
    (number, *_rest) = await _fleet(server)
    key = await server.key(Role.READ_ONLY)

    assert (await server.ask("GET", "/inventory", key)).status_code == 200
    for method, path in (
        ("PUT", f"/cancel{number}"),
        ("PUT", "/cancel?query=id>0"),
        ("DELETE", f"/{number}"),
        ("DELETE", "/cancel?query=id>0"),
    ):
        answer = await server.ask(method, path, key)
        assert (answer.status_code, answer.json()["error_status"]) == (403, 403)
    assert len(await server.ids()) == 4


async def test_others_jobs_look_like_missing_ones(server):
    await server.user(server.token, "other@example.com")
    other = basic("other@example.com")
    (number, _failed, queued, _running) = await _fleet(server)

    listed = await server.ask("GET", "/inventory", other)
    swept = await server.ask("DELETE", "/cancel", other, query="id > 0")

    assert listed.json()["list"] == []
    assert swept.json()["list"] == []
    theirs = [await server.ask("GET", f"/{n}", other) for n in (number, 999)]
    assert theirs[0].json() == theirs[1].json()
    for method, path in (("GET", "/{0}"), ("PUT", "/cancel{0}"), ("DELETE", "/{0}")):
        assert (await server.ask(method, path.format(queued), other)).status_code == 404
    assert len(await server.ids()) == 4


async def test_a_member_who_only_looks_may_not_cancel(server):
    org = await server.ok(server.token, "POST", "/orgs", {"name": "Works"})
    token = await server.user(server.token, "viewer@example.com")
    invite = {"email": "viewer@example.com", "role": "view"}
    await server.ok(server.token, "POST", f"/orgs/{org['id']}/invites", invite)
    (invited,) = await server.ok(token, "GET", "/me/invites")
    await server.ok(token, "POST", f"/me/invites/{invited['id']}", {"action": "accept"})
    shared = await server.application(server.token, orgId=org["id"])
    number = await server.job(state="queued", application_id=shared)
    headers = basic("viewer@example.com")

    assert (await server.ask("GET", f"/{number}", headers)).status_code == 200
    assert (await server.ask("PUT", f"/cancel{number}", headers)).status_code == 403
    assert (await server.ask("PUT", "/cancel", headers, query="id > 0")).json()["count"] == 0
    assert (await server.get(f"/{number}"))["status"] == "new"


async def test_what_is_accepted_decides_the_form(server):
    number = await server.job(state="queued")

    canceled = await server.ask("PUT", f"/cancel{number}", basic() | {"Accept": "text/xml"})
    strange = await server.ask("GET", "", basic() | {"Accept": "application/xml;v=1;q=x"})
    refused = await server.ask("GET", "/999", basic() | {"Accept": "application/xml"})
    table = await server.ask("GET", "/bulk", fields="Targets,CANCEL_REQUESTED")

    assert canceled.text.endswith(
        f"<result><count>1</count><list><item><id>{number}</id><status>canceled</status></item>"
        "</list></result>"
    )
    assert strange.headers["content-type"] == "application/json"
    assert (refused.status_code, refused.headers["content-type"]) == (404, XML)
    assert table.text == "targets,cancel_requested\r\n,true\r\n"


async def test_a_user_sees_the_jobs_of_their_applications_and_their_own(server):
    token = await server.user(server.token, "other@example.com")
    me = (await server.ok(token, "GET", "/me"))["id"]
    theirs = [await server.application(token) for _ in range(10)]
    numbers = [await server.job(application_id=each) for each in theirs[:2]]
    numbers.append(await server.job(application_id=None, owner_id=me))
    await server.job()
    headers = basic("other@example.com")

    answer = await server.ask("GET", "/inventory", headers)
    few = await server.ask("GET", "/inventory", headers, orderby="job_name asc", size="2")
    swept = await server.ask("DELETE", "/inventory", headers, query="id > 0")

    assert [job["id"] for job in answer.json()["list"]] == numbers[::-1]
    assert [job["id"] for job in few.json()["list"]] == numbers[:2]
    assert swept.json()["count"] == 3
    assert len(await server.ids()) == 1
