"""The console without a browser: who comes in, what each role may do, what is never let through."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlsplit

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
    return world.waiting("Waits", "wait", 4)


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


def test_a_poll_without_a_session_leads_the_page_to_sign_in(world):
    answer = httpx.get(world.url + "/console/jobs", headers={"HX-Request": "true"})

    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == SIGN_IN


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


def test_the_console_is_no_part_of_the_published_api(world):
    paths = httpx.get(f"{world.url}/openapi.json").json()["paths"]

    assert not [path for path in paths if path.startswith("/console") or path == "/"]


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
