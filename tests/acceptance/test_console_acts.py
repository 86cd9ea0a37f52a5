"""What the console does, form by form: executions controlled, keys made, jobs without a page."""

from __future__ import annotations

import re

import pytest

from tests.acceptance.console_world import console_world, eventually, send


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with console_world(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture(scope="module")
def admin(world):
    with world.browser() as client:
        yield client


def running(world, prefix, count=3, **settings):
    return world.waiting(f"Job {prefix}", prefix, count, **settings)


def number_of(admin, name):
    """The number of the newest job of a name, as the list shows it."""
    page = admin.get("/console/jobs", params={"query": f"job_name = '{name}'"}).text
    return int(re.findall(r'href="/console/jobs/(\d+)"', page)[0])


def test_an_execution_is_paused_resumed_cancelled_and_tried_again(world, admin):
    execution = running(world, "control")
    page = world.at(execution)
    world.acknowledge(world.iterations(execution)[0], "stuck", ok=False)

    paused = admin.get(send(admin, f"{page}/pause", page).headers["location"]).text
    resumed = admin.get(send(admin, f"{page}/resume", page).headers["location"]).text
    early = send(admin, f"{page}/retry", page, failed="1")
    canceled = admin.get(send(admin, f"{page}/cancel", page).headers["location"]).text
    for iteration in world.iterations(execution):
        world.acknowledge(iteration)
    eventually(lambda: world.status(execution) == "canceled")
    nothing = send(admin, f"{page}/retry", page)
    again = send(admin, f"{page}/retry", page, failed="1", timedOut="1")
    second = admin.get(again.headers["location"]).text

    assert "It is paused" in paused
    assert "It is paused" not in resumed
    assert 'chip canceling">' in canceled
    assert (early.status_code, nothing.status_code) == (400, 400)
    assert "Choose at least one outcome" in nothing.text
    assert "the execution before" in second
    late = send(admin, f"{page}/cancel", page)
    assert late.status_code == 400
    assert "has ended already" in late.text


def test_iterations_are_shown_by_status(world, admin):
    execution = running(world, "shown")
    world.acknowledge(world.iterations(execution)[0], "stuck", ok=False)

    failed = admin.get(world.at(execution), params={"status": "failed"}).text
    after = admin.get(world.at(execution), params={"cursor": "0" * 24}).text

    assert failed.count('<td class="name">') == 1
    assert "stuck" in failed
    assert "← First" in after


def test_the_job_of_a_list_leads_to_its_execution(world, admin):
    execution = running(world, "leads", 1)

    answer = admin.get(f"/console/jobs/{number_of(admin, 'Job leads')}")

    assert (answer.status_code, answer.headers["location"]) == (303, world.at(execution))


def test_a_job_whose_resource_job_is_gone_still_has_a_page(world, admin):
    execution = running(world, "gone", 1, iterationTimeout=10_000)
    number = number_of(admin, "Job gone")
    job_id = execution.split("/")[2]
    world.api.delete(f"{world.base}/resource-jobs/{job_id}")
    page = f"/console/jobs/{number}"

    shown = admin.get(page)
    early = send(admin, f"{page}/delete", "/console/keys")
    again = send(admin, f"{page}/cancel", "/console/keys")
    eventually(lambda: 'chip canceled">' in admin.get(page).text)
    gone = send(admin, f"{page}/delete", page)

    assert shown.status_code == 200
    assert "Job gone" in shown.text
    assert early.status_code == 400
    assert again.status_code == 303
    assert gone.headers["location"].startswith("/console/jobs?done=deleted")
    assert admin.get(page).status_code == 404


def test_a_key_is_made_and_its_secrets_are_shown_once(world, admin):
    made = send(admin, "/console/keys", name="box", role="beacon", until="2099-01-31")
    secret = made.text.partition('id="userkey" value="')[2].partition('"')[0]
    (key,) = world.api.get("/me/keys")["items"]
    listed = admin.get("/console/keys").text
    revoked = send(admin, f"/console/keys/{key['keyId']}/revoke", "/console/keys")

    assert made.status_code == 200
    assert secret.startswith("drover_k_")
    assert (key["name"], key["role"]) == ("box", "beacon")
    assert key["expirationDate"].startswith("2099-01-31T23:59:59")
    assert "box" in listed
    assert secret not in listed
    assert revoked.status_code == 303
    assert world.api.get("/me/keys")["items"] == []
    assert send(admin, f"/console/keys/{key['keyId']}/revoke", "/console/keys").status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "role": "user"},
        {"name": "x" * 300, "role": "user"},
        {"name": "x", "role": "king"},
        {"name": "x"},
        {"name": "x", "role": "user", "until": "2001-01-01"},
        {"name": "x", "role": "user", "until": "soon"},
    ],
)
def test_a_key_that_cannot_be_is_refused_beside_its_form(world, admin, fields):
    answer = send(admin, "/console/keys", **fields)

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert world.api.get("/me/keys")["items"] == []


def test_a_device_shows_the_devices_above_it(world, admin):
    devices = f"{world.base}/devices"
    plant = world.api.post(devices, {"name": "Plant A", "deviceClass": "system"})["id"]
    line = world.api.post(devices, {"name": "Line 1", "deviceClass": "system", "parentId": plant})
    pump = world.api.post(devices, {"name": "Pump 9", "parentId": line["id"]})["id"]

    page = admin.get(world.at(f"/devices/{pump}")).text

    assert page.index("Plant A") < page.index("Line 1") < page.index("Pump 9</h1>")
    assert f'href="{world.at(f"/devices/{plant}")}"' in page


def test_an_application_leads_to_its_jobs(world, admin):
    answer = admin.get(f"/console/applications/{world.application_id}")

    assert answer.headers["location"] == world.at("/resource-jobs")
