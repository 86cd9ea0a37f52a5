"""The console without a browser: who comes in, what each role may do, what is never let through."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from drover.client import Client
from drover.faces.console._session import SESSION, VISITOR
from drover.faces.declared import declared
from drover.model.one_time_codes import STEP_MS, code_at
from tests.acceptance.console_world import (
    EMAIL,
    NASTY,
    PASSWORD,
    console_world,
    eventually,
    form_token,
    send,
)
from tests.support.any_services import AnyServices

PAGES = ("/console/jobs", "/console/applications", "/console/keys", "/console/health")
SIGN_IN = "/console/sign-in"


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
def waiting(world):
    """An execution whose iterations wait to be acknowledged."""
    world.devices(4, "wait")
    job = world.job("Waits", "wait")
    execution = world.execute(job)
    eventually(lambda: len(world.iterations(execution)) == 4)
    return execution


# Signing in ---------------------------------------------------------------------------------------


def test_browsers_are_led_from_the_root_and_other_clients_are_not(world):
    asked = httpx.get(world.url + "/", headers={"Accept": "text/html,*/*"})
    plain = httpx.get(world.url + "/", headers={"Accept": "application/json"})

    assert (asked.status_code, asked.headers["location"]) == (303, "/console/jobs")
    assert plain.status_code == 404
    assert plain.json()["type"] == "NotFound"


def test_whoever_is_not_signed_in_is_led_to_do_so_and_back(world):
    wanted = "/console/jobs?query=status%20%3D%20%27failed%27"
    with httpx.Client(base_url=world.url) as client:
        first = client.get(wanted)
        form = client.get(first.headers["location"])
        token = form_token(form.text)
        after = parse_qs(urlsplit(first.headers["location"]).query)["next"][0]
        fields = {"csrf": token, "email": EMAIL, "password": PASSWORD, "next": after}
        done = client.post(SIGN_IN, data=fields)

        assert first.status_code == 303
        assert after == wanted
        assert (done.status_code, done.headers["location"]) == (303, wanted)
        assert client.get(wanted).status_code == 200


@pytest.mark.parametrize(
    "after",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/console//evil", "javascript:x"],
)
def test_signing_in_leads_to_no_other_place_than_the_console(world, after):
    with httpx.Client(base_url=world.url) as client:
        form = client.get(SIGN_IN, params={"next": after})
        fields = {"email": EMAIL, "password": PASSWORD, "next": after}
        done = client.post(SIGN_IN, data={"csrf": form_token(form.text), **fields})

    assert after not in form.text
    assert done.headers["location"] == "/console/jobs"


def test_a_wrong_password_is_told_alike_for_known_and_unknown_users(world):
    with httpx.Client(base_url=world.url) as client:
        known = send(client, SIGN_IN, email="viewer@example.com", password="wrong")
        unknown = send(client, SIGN_IN, email="nobody@example.com", password="wrong")

    assert known.status_code == unknown.status_code == 401
    assert "Invalid email or password" in known.text
    assert SESSION not in known.cookies
    assert known.text.replace("viewer", "nobody") == unknown.text


def test_too_many_wrong_passwords_lock_the_account_here_too(world):
    with httpx.Client(base_url=world.url) as client:
        answers = [
            send(client, SIGN_IN, email="locked@example.com", password="wrong") for _ in range(11)
        ]

    assert {each.status_code for each in answers[:10]} == {401}
    assert answers[10].status_code == 429
    assert int(answers[10].headers["retry-after"]) > 0


def test_users_with_a_second_factor_sign_in_with_a_code(world):
    world.user("careful@example.com")
    with Client(world.url) as careful:
        careful.sign_in("careful@example.com", PASSWORD)
        key = careful.patch("/me/generateTwoFactorAuth", {})["key"]
        step = int(time.time() * 1000) // STEP_MS
        proof = {"password": PASSWORD, "twoFactorAuthKey": key}
        careful.patch("/me/enableTwoFactorAuth", {**proof, "twoFactorCode": code_at(key, step)})
    fields = {"email": "careful@example.com", "password": PASSWORD}
    with httpx.Client(base_url=world.url) as client:
        without = send(client, SIGN_IN, **fields)
        wrong = send(client, SIGN_IN, **fields, code="000000")
        later = max(int(time.time() * 1000) // STEP_MS, step + 1)  # each code is good for once
        right = send(client, SIGN_IN, **fields, code=code_at(key, later))

    assert "A two-factor code is required" in without.text
    assert [each.status_code for each in (without, wrong, right)] == [401, 401, 303]


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(world):
    with httpx.Client(base_url=world.url) as client:
        answer = send(client, SIGN_IN, email=EMAIL, password=PASSWORD)
    marks = answer.headers["set-cookie"].lower()

    assert marks.startswith(f"{SESSION}=drover_s_")
    assert "httponly" in marks
    assert "samesite=strict" in marks
    assert "path=/console" in marks


def test_signing_out_ends_the_session_on_the_server(world):
    with world.browser() as client:
        token = client.cookies[SESSION]
        send(client, "/console/sign-out", "/console/jobs")
    with httpx.Client(base_url=world.url, cookies={SESSION: token}) as client:
        after = client.get("/console/jobs")

    assert after.status_code == 303
    assert after.headers["location"].startswith(SIGN_IN)


def test_a_page_of_another_site_leads_here_by_one_more_step(world):
    with httpx.Client(base_url=world.url) as client:
        across = client.get("/console/jobs?x=1", headers={"Sec-Fetch-Site": "cross-site"})

    assert across.status_code == 200
    assert 'content="0;url=/console/jobs?x=1"' in across.text


# Cookies serve the console alone, and it takes nothing else ---------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/applications",
        "/me",
        "/me/keys",
        "/admin/users",
        "/ws/v1/jobs/inventory",
        "/ws/v1/jobs/1",
        "/api/jobs",
    ],
)
def test_dialects_never_accept_the_cookie(world, admin, path):
    token = admin.cookies[SESSION]
    with_cookie = {"Cookie": f"{SESSION}={token}; userkey={token}; token={token}"}

    answer = httpx.get(world.url + path, headers=with_cookie)

    assert answer.status_code in (401, 403)
    assert httpx.get(world.url + path).content == answer.content


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
def test_the_console_takes_no_token_from_a_header(world, header):
    answer = httpx.get(world.url + "/console/jobs", headers={header: f"Bearer {world.api.token}"})

    assert answer.status_code == 303


def test_an_api_token_is_no_session(world):
    made = world.api.post("/me/tokens", {"name": "t"})["token"]

    answer = httpx.get(world.url + "/console/jobs", cookies={SESSION: made})

    assert answer.status_code == 303


# Forms --------------------------------------------------------------------------------------------


def actions(world, execution):
    return [
        f"{world.at(execution)}/cancel",
        f"{world.at(execution)}/pause",
        f"{world.at(execution)}/retry",
        world.at(execution.rpartition("/executions")[0]) + "/execute",
        "/console/jobs/cancel",
        "/console/jobs/delete",
        "/console/keys",
        "/console/users",
        "/console/sign-out",
    ]


@pytest.mark.parametrize("number", range(9))
def test_a_form_without_its_token_changes_nothing(world, admin, waiting, number):
    action = actions(world, waiting)[number]
    token = form_token(admin.get("/console/keys").text)
    fields = {"query": "id > 0", "name": "k", "role": "user", "email": "x@example.com"}
    fields |= {"password": PASSWORD, "failed": "1"}

    bare = admin.post(action, data=fields)
    wrong = admin.post(action, data={**fields, "csrf": token[:-1] + "x"})
    across = admin.post(
        action, data={**fields, "csrf": token}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert {bare.status_code, wrong.status_code, across.status_code} == {403}
    assert world.status(waiting) == "inProgress"
    assert not [key for key in world.api.get("/me/keys")["items"] if key["name"] == "k"]
    assert admin.get("/console/jobs").status_code == 200


def places(world, method):
    """Return the addresses of the operations of the console that need a session."""
    names = {"applicationId": world.application_id, "number": "1"}
    for face, operation in declared(AnyServices()):
        if face.name == "console" and operation.method == method and operation.scopes:
            yield re.sub(r"{(\w+)}", lambda part: names.get(part[1], "0" * 24), operation.path)


def test_every_form_there_is_needs_its_token(world, admin):
    answers = {path: admin.post(path, data={"query": "id > 0"}) for path in places(world, "POST")}

    assert len(answers) > 20
    assert {
        path: each.status_code for path, each in answers.items() if each.status_code != 403
    } == {}


def test_every_page_there_is_needs_a_session(world):
    with httpx.Client(base_url=world.url) as nobody:
        answers = {path: nobody.get(path) for path in places(world, "GET")}

    assert len(answers) > 15
    assert {each.status_code for each in answers.values()} == {303}
    assert all(each.headers["location"].startswith(SIGN_IN) for each in answers.values())


def test_a_form_to_sign_in_needs_its_token_too(world):
    fields = {"email": EMAIL, "password": PASSWORD}
    with httpx.Client(base_url=world.url) as client:
        bare = client.post(SIGN_IN, data=fields)
        form = client.get(SIGN_IN)
        other = httpx.post(
            world.url + SIGN_IN,
            data={**fields, "csrf": form_token(form.text)},
            cookies={VISITOR: "another"},
        )

    assert bare.status_code == other.status_code == 403
    assert SESSION not in bare.cookies


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"csrf=%ff%fe", b"a=1&" * 200, b"csrf=%00", b'{"csrf": "x"}', b""],
)
def test_forms_that_cannot_be_read_are_refused(admin, body):
    answer = admin.post(
        "/console/keys",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code in (400, 403)


def test_a_form_that_is_too_large_is_refused(admin):
    assert admin.post("/console/keys", content=b"x" * 300_000).status_code == 413


# Headers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [*PAGES, SIGN_IN, "/console/nothing", "/console/static/console.js"]
)
def test_every_answer_forbids_what_pages_do_not_need(admin, path):
    answer = admin.get(path)
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in answer.headers["cache-control"] or "static" in path


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_no_script_and_no_style_of_their_own(admin, path):
    page = admin.get(path).text

    assert "<style" not in page
    assert " style=" not in page
    assert "javascript:" not in page
    assert " onclick" not in page
    assert all(part.startswith(" src=") for part in page.split("<script")[1:])


def test_files_are_kept_by_browsers_under_an_address_of_their_content(admin):
    page = admin.get("/console/jobs").text
    address = page.partition('href="/console/static/console.css')[2].partition('"')[0]
    answer = admin.get(f"/console/static/console.css{address}")

    assert address.startswith("?v=")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert admin.get("/console/static/base.html").status_code == 404
    assert admin.get("/console/static/..%2f__init__.py").status_code == 404


# Roles and tenants --------------------------------------------------------------------------------


def test_a_viewer_sees_no_buttons_and_cannot_act(world, waiting):
    org = world.api.post("/orgs", {"name": "Crew"})
    made = world.api.post("/applications", {"name": "Shared", "orgId": org["id"]})["id"]
    world.user("member@example.com")
    job = world.api.post(
        f"/applications/{made}/resource-jobs", {"name": "Look only", "resourceType": "device"}
    )["id"]
    page = f"/console/applications/{made}/resource-jobs/{job}"
    body = {"email": "member@example.com", "role": "view"}
    world.api.post(f"/orgs/{org['id']}/invites", body)
    with Client(world.url) as member:
        member.sign_in("member@example.com", PASSWORD)
        (invite,) = member.get("/me/invites")
        member.post(f"/me/invites/{invite['id']}", {"action": "accept"})

    with world.browser("member@example.com") as member:
        shown = member.get(page)
        tried = send(member, f"{page}/execute", page)

    assert shown.status_code == 200
    assert "Look only" in shown.text
    assert "Run now" not in shown.text
    assert tried.status_code == 403


def test_a_read_only_account_gets_no_buttons_either(world, waiting):
    with world.browser("viewer@example.com") as viewer:
        jobs = viewer.get("/console/jobs?query=id%20%3E%200")
        keys = viewer.get("/console/keys")
        tried = send(viewer, "/console/jobs/cancel", "/console/jobs", query="id > 0")
        users = viewer.get("/console/users")

    assert "Cancel all" not in jobs.text
    assert "Users" not in jobs.text
    assert keys.status_code == 200
    assert (tried.status_code, users.status_code) == (403, 403)
    assert world.status(waiting) == "inProgress"


def test_what_belongs_to_others_looks_missing(world, waiting):
    absent = waiting[:-24] + "0" * 24
    number = world.api.get(f"{world.base}{waiting}")  # exists for its owner
    assert number["id"] == waiting[-24:]
    with world.browser("other@example.com") as other:
        for path in ("", "/devices", "/workflows", waiting, waiting.rpartition("/executions")[0]):
            theirs, none = (
                other.get(world.at(path)),
                other.get(f"/console/applications/{'0' * 24}{path}"),
            )
            assert theirs.status_code == none.status_code == 404
            assert theirs.text == none.text
        acted = send(other, f"{world.at(waiting)}/cancel", "/console/keys")
        listed = other.get("/console/jobs").text
        numbered = [other.get(f"/console/jobs/{number}") for number in (1, 10**6, 10**25, "x")]

    assert acted.status_code == 404
    assert "Waits" not in listed
    assert {each.status_code for each in numbered} == {404}
    assert world.status(waiting) == "inProgress"
    assert absent != waiting


def test_users_are_for_administrators(world, admin):
    made = send(
        admin,
        "/console/users",
        email="new@example.com",
        password=PASSWORD,
        role="user",
        first_name=NASTY,
    )
    listed = admin.get("/console/users").text
    user = next(
        each
        for each in world.api.get("/admin/users")["items"]
        if each["email"] == "new@example.com"
    )
    page = f"/console/users/{user['id']}"
    changed = send(admin, page, email="new@example.com", role="readOnly")
    refused = send(admin, page, email="not an address", role="user")
    weak = send(admin, "/console/users", email="weak@example.com", password="x", role="user")
    gone = send(admin, f"{page}/delete", page)

    assert made.status_code == changed.status_code == gone.status_code == 303
    assert "new@example.com" in listed
    assert NASTY not in listed
    assert refused.status_code == weak.status_code == 400
    assert "not an email address" in refused.text
    assert admin.get(page).status_code == 404


def test_the_last_administrator_stays(world, admin):
    me = world.api.get("/me")["userId"]
    page = f"/console/users/{me}"

    demoted = send(admin, page, email=EMAIL, role="user")
    gone = send(admin, f"{page}/delete", page)

    assert demoted.status_code == gone.status_code == 400
    assert "last administrator" in demoted.text


# Pages --------------------------------------------------------------------------------------------


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

    assert "1 to 50 of 60" in first
    assert "page=1" in first
    assert "51 to 60 of 60" in second


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


def test_a_poll_without_a_session_leads_the_page_to_sign_in(world):
    answer = httpx.get(world.url + "/console/jobs", headers={"HX-Request": "true"})

    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == SIGN_IN


def test_the_server_tells_its_store_limits_and_figures(admin):
    admin.get("/console/jobs")
    page = admin.get("/console/health").text

    assert "SQLite" in page
    assert "max requests" in page
    assert "console.jobs.get" in page


def test_the_console_is_no_part_of_the_published_api(world):
    paths = httpx.get(f"{world.url}/openapi.json").json()["paths"]

    assert not [path for path in paths if path.startswith("/console") or path == "/"]
