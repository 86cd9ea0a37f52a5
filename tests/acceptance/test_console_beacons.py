"""The console's pages of beacons, their jobs and schedules."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.acceptance.console_world import NASTY, console_world, eventually, send

BEACON = "line 3/ä&?"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with console_world(tmp_path_factory.mktemp("console")) as made:
        made.user("viewer@example.com", "readOnly")
        made.user("other@example.com")
        yield made


@pytest.fixture(scope="module")
def admin(world):
    with world.browser() as client:
        yield client


@pytest.fixture(scope="module")
def api(world):
    """What a worker, or somebody who wants jobs done, says to the server."""
    key = world.api.post("/me/keys", {"name": "box", "role": "administrator"})["userkey"]

    def say(path="", **fields):
        fields = {"userkey": key, **fields}
        answer = httpx.post(f"{world.url}/api/jobs{path}", data=fields, timeout=60)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.content else {}

    return say


def job(api, name="Build", beacon=BEACON, **fields):
    tasks = [{"kind": "command", "command": "make all"}, {"kind": "http", "url": NASTY}]
    given = {"name": name, "beacon_name": beacon, "tasks": json.dumps(tasks), "q": "1", **fields}
    return api(action="create", **given)["id"]


def taken(api, number, worker="box-1"):
    held = {"worker": worker}
    held["fence"] = str(api(f"/{number}", action="pickup", **held)["fence"])
    api(f"/{number}", action="start", **held)
    return held


def test_a_job_is_shown_with_its_tasks_log_and_results(admin, api):
    number = job(api, NASTY)
    waiting = admin.get(f"/console/beacon-jobs/{number}").text
    held = taken(api, number)
    api(f"/{number}", action="update", cur_task="2", **held)
    api(f"/{number}", action="log", line=f"compiling {NASTY}", **held)
    running = admin.get(f"/console/beacon-jobs/{number}").text
    api(f"/{number}", action="end", result=json.dumps({"size": 12345}), **held)
    ended = admin.get(f"/console/beacon-jobs/{number}").text

    assert waiting.count('chip to-do">') == 2
    assert "box-1" not in waiting
    assert [running.count(f'chip {state}">') for state in ("complete", "running")] == [1, 2]
    assert "box-1" in running
    assert "compiling &lt;script&gt;" in running
    assert NASTY not in running + ended
    assert "12345" in ended
    assert "Cancel…" not in ended


def test_the_inventory_leads_to_the_page_of_a_beacons_job(admin, api):
    number = job(api)

    answer = admin.get(f"/console/jobs/{number}")

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/console/beacon-jobs/{number}",
    )


def test_a_long_log_comes_in_pages(admin, api):
    number = job(api)
    held = taken(api, number)
    lines = [f"line {place} of many" for place in range(1, 301)]
    api(f"/{number}", action="log", line=lines, **held)
    newest = admin.get(f"/console/beacon-jobs/{number}").text
    first = admin.get(f"/console/beacon-jobs/{number}?after=0").text
    address = first.partition(f'href="/console/beacon-jobs/{number}?after=')[2].partition("#")[0]
    second = admin.get(f"/console/beacon-jobs/{number}?after={address}").text

    assert f"/console/beacon-jobs/{number}?after=0#log" in newest
    assert ("line 100 of many" in newest, "line 101 of many" in newest) == (False, True)
    assert "line 300 of many" in newest
    assert ("line 1 of many" in first, "line 300 of many" in first) == (True, False)
    assert ("line 1 of many" in second, "line 300 of many" in second) == (False, True)


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_told(admin, api):
    waiting, running = job(api), job(api)
    taken(api, running)
    for number in (waiting, running):
        page = f"/console/beacon-jobs/{number}"
        assert send(admin, f"{page}/cancel", page).status_code == 303

    assert 'chip canceled">' in admin.get(f"/console/beacon-jobs/{waiting}").text
    assert 'chip canceling">' in admin.get(f"/console/beacon-jobs/{running}").text


def test_beacons_are_listed_with_what_waits_and_who_works(admin, api):
    first = job(api, "first", "north")
    job(api, "second", "north")
    job(api, "urgent", "north", priority="10")
    taken(api, first, "box-9")
    page = eventually(
        lambda: (text := admin.get("/console/beacons").text) and "box-9" in text and text
    )
    one = admin.get("/console/beacons/one", params={"name": "north"}).text

    assert "north" in page
    assert f'href="/console/beacon-jobs/{first}"' in page
    worked_on, _, waiting = one.partition("Waiting")
    assert "first" in worked_on
    assert waiting.index("urgent") < waiting.index("second")


def test_a_beacon_is_paused_and_resumed_whatever_it_is_called(admin, api):
    name = f"{BEACON} to pause"
    job(api, beacon=name)
    page = str(httpx.URL("/console/beacons/one", params={"name": name}))
    paused = send(admin, "/console/beacons/pause", page, name=name)
    told = admin.get(paused.headers["location"]).text
    nothing = api(action="pickup", beacon_name=name, worker="box-2")
    resumed = send(admin, "/console/beacons/resume", page, name=name)

    assert "It is paused: no jobs are handed out." in told
    assert "line 3/ä&amp;? to pause" in told
    assert nothing == {}
    assert "It is paused" not in admin.get(resumed.headers["location"]).text
    assert api(action="pickup", beacon_name=name, worker="box-2")["beacon_name"] == name


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_a_name_that_no_beacon_has_is_refused(admin, name):
    shown = admin.get("/console/beacons/one", params={"name": name})
    paused = send(admin, "/console/beacons/pause", "/console/beacons", name=name)

    assert (shown.status_code, paused.status_code) == (400, 400)


def test_a_schedule_is_shown_paused_resumed_and_triggered(admin, api):
    number = job(api, "Nightly", schedule="1", min="0", hour="3")
    page = f"/console/schedules/{number}"
    listed = admin.get("/console/schedules").text
    shown = admin.get(page).text
    send(admin, f"{page}/pause", page)
    paused = admin.get(page).text
    send(admin, f"{page}/resume", page)
    resumed = admin.get(page).text
    triggered = send(admin, f"{page}/trigger", page)
    made = admin.get(triggered.headers["location"]).text

    assert "Nightly" in listed
    assert shown.count("03:00:00 UTC") == resumed.count("03:00:00 UTC") >= 20
    assert "0 3 * * *" in shown
    assert "it adds no jobs" in paused
    assert "03:00:00 UTC</td>" not in paused
    assert f'href="{page}"' in made
    assert "Nightly" in made


def test_only_schedules_have_a_page_among_the_schedules(admin, api):
    number = job(api)
    page = "/console/beacons"

    assert admin.get(f"/console/schedules/{number}").status_code == 404
    assert send(admin, f"/console/schedules/{number}/pause", page).status_code == 404
    assert send(admin, f"/console/schedules/{number}/trigger", page).status_code == 400
    for absent in ("999999", "0", "x", "9" * 40):
        assert admin.get(f"/console/schedules/{absent}").status_code == 404
        assert admin.get(f"/console/beacon-jobs/{absent}").status_code == 404


def test_who_only_looks_sees_no_buttons_and_who_is_somebody_else_sees_nothing(world, admin, api):
    number, schedule = job(api, "Hidden"), job(api, "Hidden nightly", schedule="1", min="5")
    with world.browser("other@example.com") as other:
        pages = [
            other.get(f"/console/beacon-jobs/{number}"),
            other.get(f"/console/schedules/{schedule}"),
            send(other, f"/console/beacon-jobs/{number}/cancel", "/console/beacons"),
            send(other, f"/console/schedules/{schedule}/trigger", "/console/beacons"),
            send(other, f"/console/schedules/{schedule}/pause", "/console/beacons"),
        ]
        lists = other.get("/console/beacons").text + other.get("/console/schedules").text
    with world.browser("viewer@example.com") as viewer:
        shown = viewer.get("/console/beacons/one?name=north")
        tried = send(viewer, "/console/beacons/pause", "/console/keys", name="north")

    assert {each.status_code for each in pages} == {404}
    assert "Hidden" not in lists
    assert "box-" not in lists
    assert shown.status_code == 200
    assert "Pause" not in shown.text
    assert tried.status_code == 403
