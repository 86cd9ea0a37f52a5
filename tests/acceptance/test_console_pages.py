"""What the console's pages show: lists, filters, jobs and what became of them."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import httpx
import pytest

from drover.faces import streaming
from tests.acceptance.console_world import NASTY, console_world, eventually, form_token, send


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with console_world(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture(scope="module")
def admin(world):
    with world.browser() as client:
        yield client


@pytest.fixture(scope="module")
def waiting(world):
    """An execution whose iterations wait to be acknowledged."""
    return world.waiting("Waits", "wait", 4)


def test_names_and_messages_are_shown_as_they_are_and_do_nothing(world, admin):
    (device,) = world.api.post(
        f"{world.base}/devices/batch",
        {
            "devices": [
                {
                    "name": NASTY,
                    "tags": [{"key": "site", "value": "nasty"}, {"key": "note", "value": NASTY}],
                    "attributes": [{"name": "a", "dataType": "string"}],
                    "state": {"a": NASTY},
                }
            ]
        },
    )["deviceIds"]
    job = world.job(NASTY, "nasty", description=NASTY)
    execution = world.execute(job)
    (iteration,) = eventually(lambda: world.iterations(execution))
    world.acknowledge(iteration, NASTY, ok=False)
    flow = world.api.post(f"{world.base}/flows", {"name": NASTY, "description": NASTY})["id"]
    reason = {"status": "disconnected", "disconnectReason": NASTY}
    world.api.post(f"{world.base}/devices/{device}/setConnectionStatus", reason)
    world.api.post(f"{world.base}/devices/{device}/command", {"name": NASTY, "payload": NASTY})
    paths = [
        "/console/jobs",
        "/console/jobs?query=" + quote(NASTY),
        "/console/applications?name=" + quote(NASTY),
        world.at("/resource-jobs"),
        world.at(f"/resource-jobs/{job}"),
        world.at(execution),
        world.at("/devices"),
        world.at(f"/devices/{device}"),
        world.at(f"/devices/{device}/jobs"),
        world.at(f"/devices/{device}/logs"),
        world.at("/workflows"),
        world.at(f"/workflows/{flow}"),
        "/console/" + quote(NASTY),
    ]

    for path in paths:
        page = admin.get(path)
        assert page.status_code in (200, 400, 404), path
        assert "<script>window" not in page.text, path
        assert "<img src=x" not in page.text, path
        assert "&lt;script&gt;window.hacked" in page.text or page.status_code != 200, path
        assert "{{7*7}}" in page.text or page.status_code != 200, path


def test_a_device_shows_what_it_was_told_and_when_it_came_and_went(world, admin):
    (device,) = world.devices(1, "told")
    path = f"{world.base}/devices/{device}"
    world.api.post(f"{path}/setConnectionStatus", {"status": "connected"})
    reason = {"status": "disconnected", "disconnectReason": "no power"}
    world.api.post(f"{path}/setConnectionStatus", reason)
    world.api.post(f"{path}/command", {"name": "open", "payload": {"far": "x" * 200_000}})

    page = admin.get(f"/console{path}/logs")

    assert page.status_code == 200
    assert "open" in page.text
    assert "no power" in page.text
    assert page.text.index("disconnected") < page.text.rindex(">connected")
    assert len(page.text) < 50_000
    assert admin.get(f"/console{world.base}/devices/{'5' * 24}/logs").status_code == 404


def test_a_long_value_is_folded_away(world, admin):
    (device,) = world.devices(1, "wordy")
    path = f"{world.base}/devices/{device}"
    world.api.patch(path, {"attributes": [{"name": "note", "dataType": "string"}]})
    world.api.post(f"{path}/state", {"data": {"note": "x" * 60_000}})

    page = admin.get(f"/console{path}").text

    assert re.search("<details><summary><code>x{199}…</code></summary>", page)
    assert len(page) < 20_000


def test_a_fault_in_a_filter_is_shown_at_its_place(admin):
    page = admin.get("/console/jobs", params={"query": "status == 'failed'"})

    assert page.status_code == 400
    assert "Invalid query" in page.text
    assert '<pre class="fault">status =<mark>=</mark> &#39;failed&#39;</pre>' in page.text


@pytest.mark.parametrize(
    "parameters",
    [
        {"orderby": "nothing"},
        {"cursor": "x"},
        {"query": "(" * 5000},
        {"query": "x" * 9000},
    ],
)
def test_lists_that_cannot_be_are_refused_with_a_page(admin, parameters):
    page = admin.get("/console/jobs", params=parameters)

    assert page.status_code in (400, 413)
    assert 'role="alert"' in page.text


def test_a_bulk_verb_without_a_filter_changes_nothing(world, admin, waiting):
    for verb in ("cancel", "delete"):
        asked = admin.get(f"/console/jobs/{verb}")
        blank = send(admin, f"/console/jobs/{verb}", "/console/jobs", query=" ")
        broken = send(admin, f"/console/jobs/{verb}", "/console/jobs", query="status =")
        assert {asked.status_code, blank.status_code, broken.status_code} == {400}

    assert world.status(waiting) == "inProgress"


def test_bulk_verbs_tell_how_many_before_and_after(world, admin):
    world.devices(1, "bulk")
    jobs = [world.job("Bulk", "bulk") for _ in range(3)]
    executions = [world.execute(job) for job in jobs]
    for execution in executions:
        eventually(lambda execution=execution: world.iterations(execution))
    query = "job_name = 'Bulk'"

    asked = admin.get("/console/jobs/cancel", params={"query": query})
    done = send(admin, "/console/jobs/cancel", "/console/jobs", query=query)
    told = admin.get(done.headers["location"])
    for execution in executions:
        world.acknowledge(world.iterations(execution)[0])
        eventually(lambda execution=execution: world.status(execution) == "canceled")
    deleted = send(admin, "/console/jobs/delete", "/console/jobs", query=query)
    none = admin.get("/console/jobs", params={"query": query})

    assert "Cancel 3 jobs?" in asked.text
    assert "3 jobs canceled." in " ".join(told.text.split())
    assert "count=3" in deleted.headers["location"]
    assert "No job matches." in none.text


def test_devices_are_found_by_name_tags_and_query(world, admin):
    world.devices(3, "search me")
    path = world.at("/devices")

    named = admin.get(path, params={"name": "search me 1"}).text
    tagged = admin.get(path, params={"tags": "site=search me"}).text
    asked = admin.get(path, params={"query": '{"name": {"$endsWith": "me 2"}}'}).text
    broken = admin.get(path, params={"query": "{"})

    assert ("search me 1" in named, "search me 2" in named) == (True, False)
    assert all(f"search me {number}" in tagged for number in range(3))
    assert ("search me 2" in asked, "search me 1" in asked) == (True, False)
    assert broken.status_code == 400
    assert 'role="alert"' in broken.text


def test_lists_go_on_page_by_page(world, admin):
    world.devices(60, "paged")
    path = world.at("/devices")

    first = admin.get(path, params={"tags": "site=paged"}).text
    second = admin.get(path + "?tags=site%3Dpaged&page=1").text
    behind = admin.get(path + "?tags=site%3Dpaged&page=7").text

    assert "1 to 50 of 60" in first
    assert "page=1" in first
    assert "51 to 60 of 60" in second
    assert ('rel="first"' in second, 'rel="prev"' in second) == (True, False)
    assert 'rel="prev" href="?tags=site%3Dpaged&amp;page=1"' in behind


def test_a_job_is_previewed_and_run_with_its_own_query(world, admin):
    world.devices(2, "overridden")
    job = world.job("Overrides", "nobody")
    page = world.at(f"/resource-jobs/{job}")
    query = '{"tags": {"$tagKey": "site", "$tagValue": "overridden"}}'

    preview = send(admin, f"{page}/preview", page, queryJson=query)
    broken = send(admin, f"{page}/preview", page, queryJson="{")
    timeout = send(admin, f"{page}/execute", page, executionTimeout="soon")
    made = send(admin, f"{page}/execute", page, queryJson=query, executionTimeout="60")
    shown = admin.get(made.headers["location"])

    assert "overridden 1" in preview.text
    assert "<strong>2</strong> devices match now" in " ".join(preview.text.split())
    assert broken.status_code == timeout.status_code == 400
    assert "whole number of seconds" in timeout.text
    assert made.status_code == 303
    assert "overridden" in shown.text


def test_a_job_is_given_a_schedule_that_is_paused_resumed_triggered_and_deleted(world, admin):
    world.devices(1, "scheduled")
    job = world.at(f"/resource-jobs/{world.job('Nightly', 'scheduled')}")
    bad = send(admin, f"{job}/schedules", job, cron="61 * * * *")
    made = send(admin, f"{job}/schedules", job, name=NASTY, cron="0 3 * * *", tz="Europe/Berlin")
    page = made.headers["location"].partition("?")[0]
    shown, listed = admin.get(page).text, admin.get(job).text
    send(admin, f"{page}/pause", page)
    paused = admin.get(page).text
    send(admin, f"{page}/resume", page)
    triggered = send(admin, f"{page}/trigger", page)
    execution = admin.get(triggered.headers["location"]).text
    gone = send(admin, f"{page}/delete", page)

    assert bad.status_code == 400
    assert shown.count("03:00:00+0") == 20
    assert "Europe/Berlin" in shown
    assert "0 3 * * *" in listed
    assert NASTY not in shown + listed
    assert "It is paused." in paused
    assert "The job was asked to run." in execution
    assert gone.status_code == 303
    assert admin.get(page).status_code == 404


def test_what_is_refused_leads_back_to_where_it_was_asked(world, admin, waiting):
    page = world.at(waiting)
    fields = {"csrf": form_token(admin.get(page).text)}
    here = {"Referer": f"{world.url}{page}?status=failed"}
    elsewhere = {"Referer": "https://evil.example/x"}

    refused = admin.post(f"{page}/resume", data=fields, headers=here)
    foreign = admin.post(f"{page}/resume", data=fields, headers=elsewhere)

    assert (refused.status_code, foreign.status_code) == (400, 400)
    assert "The execution is not paused" in refused.text
    assert f'href="{page}?status=failed">Back</a>' in refused.text
    assert "Back" not in foreign.text


def test_an_execution_tells_why_it_waits_and_what_failed(world, admin, waiting):
    page = admin.get(world.at(waiting))
    filtered = admin.get(world.at(waiting), params={"status": "failed"})
    bad = [
        admin.get(world.at(waiting), params={"status": "nothing"}),
        admin.get(world.at(waiting), params={"cursor": "../x"}),
    ]

    assert "to be acknowledged within" in page.text
    assert "None." in filtered.text
    assert {each.status_code for each in bad} == {400}


def test_progress_is_streamed_to_the_session(world, admin, waiting):
    with admin.stream("GET", f"{world.at(waiting)}/progress") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: progress"
        assert '"inProgress":4' in next(lines)
    refused = httpx.get(f"{world.url}{world.at(waiting)}/progress")

    assert stream.headers["content-type"] == "text/event-stream"
    assert refused.status_code == 303


def test_progress_ends_with_the_session(world, waiting, monkeypatch):
    monkeypatch.setattr(streaming, "LOOK_S", 0.05)
    with (
        world.browser() as client,
        client.stream("GET", f"{world.at(waiting)}/progress") as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "event: progress"
        send(client, "/console/sign-out", "/console/jobs")
        until = time.monotonic() + 60
        for _ in lines:  # a sign of life comes now and then, as long as it is open
            assert time.monotonic() < until, "it goes on"


def test_the_server_tells_its_store_limits_and_figures(admin):
    admin.get("/console/jobs")
    page = admin.get("/console/health").text

    assert "SQLite" in page
    assert "max requests" in page
    assert "console.jobs.get" in page
    assert not re.search(r"<dd>\d+\.0</dd>", page)
