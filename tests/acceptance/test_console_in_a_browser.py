"""The console in a real browser: watched live, acted on, with and without scripts."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from playwright.sync_api import TimeoutError as PageTimeout
from playwright.sync_api import expect, sync_playwright

from drover.app.live import streams
from drover.client import NewJob, TaskJobs
from drover.faces.console._rendering import asset_address
from tests.acceptance.console_world import EMAIL, NASTY, PASSWORD, console_world, eventually

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ATTEMPTS = 10
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

with_libraries = pytest.mark.skipif(
    not asset_address("htmx.min.js"), reason="The console's script libraries are not set up"
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with console_world(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def cookies(world, chromium):
    """The state of a browser that is signed in, so that the tests need not each do so."""
    with chromium.new_context() as context:
        page = context.new_page()
        sign_in(page, world)
        return context.storage_state()


@pytest.fixture
def open_page(world, chromium, cookies):
    """Open pages of a browser that is signed in, and look that none of them complains."""
    opened, complaints = [], []

    def page_of(**settings):
        context = chromium.new_context(base_url=world.url, storage_state=cookies, **settings)
        context.set_default_timeout(PATIENCE_MS)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        return page

    yield page_of
    for context in opened:
        context.close()
    # A browser also notes each answer that is a refusal: those are meant.
    assert [each for each in complaints if "status of 400" not in each] == []


def sign_in(page, world):
    page.set_default_timeout(PATIENCE_MS)
    page.goto(world.url + "/")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console/jobs")


def running(world, prefix, count=10, **settings):
    """An execution whose iterations all wait to be acknowledged."""
    world.devices(count, prefix)
    execution = world.execute(world.job(f"Job {prefix}", prefix, **settings))
    eventually(lambda: len(world.iterations(execution)) == count)
    return execution


def test_a_person_signs_in_and_out(world, chromium):
    with chromium.new_context() as context:
        page = context.new_page()
        sign_in(page, world)
        expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        page.goto(f"{world.url}/console/jobs")
        expect(page.get_by_label("Password")).to_be_visible()


def test_progress_is_seen_as_it_happens_without_loading_the_page_again(world, open_page):
    execution = running(world, "live", 8)
    page = open_page()
    page.goto(world.at(execution))
    succeeded, failed = (page.locator(f'[data-count="{name}"]') for name in ("succeeded", "failed"))
    expect(succeeded).to_have_text("0")
    page.evaluate("window.mark = 1")

    iterations = world.iterations(execution)
    world.acknowledge(iterations[0])
    expect(succeeded).to_have_text("1")
    world.acknowledge(iterations[1], "valve stuck", ok=False)
    expect(failed).to_have_text("1")
    width = page.locator("#bar rect.good").get_attribute("width")

    assert page.evaluate("window.mark") == 1
    assert float(width) == 12.5
    for iteration in iterations[2:]:
        world.acknowledge(iteration)
    expect(page.locator("#status")).to_have_text("completed")
    expect(page.locator("#reasons")).to_contain_text("valve stuck")
    expect(page.get_by_role("link", name="Report")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Report").click()
    assert "valve stuck" in download.value.path().read_text()


@with_libraries
def test_what_failed_and_why_it_waits_follow_while_it_runs(world, open_page):
    execution = running(world, "follow", 3)
    page = open_page()
    page.goto(world.at(execution))
    expect(page.locator("#waits")).to_contain_text("3 are to be acknowledged")
    expect(page.locator("#reasons")).to_be_hidden()
    page.evaluate("window.mark = 1")

    world.acknowledge(world.iterations(execution)[0], "valve stuck", ok=False)

    expect(page.locator("#reasons")).to_contain_text("valve stuck")
    expect(page.locator("#waits")).to_contain_text("2 are to be acknowledged")
    expect(page.locator("#iterations")).to_contain_text("valve stuck")
    assert page.evaluate("window.mark") == 1


def test_an_execution_is_paused_resumed_and_cancelled_in_the_middle(world, open_page):
    execution = running(world, "middle", 4)
    world.acknowledge(world.iterations(execution)[0])
    page = open_page()
    page.goto(world.at(execution))

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("It is paused")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Cancel this execution").click()
    expect(page.locator("#status")).to_have_text("canceling")
    for iteration in world.iterations(execution):
        world.acknowledge(iteration)

    expect(page.locator("#status")).to_have_text("canceled")
    expect(page.get_by_text("Cancel…")).to_have_count(0)


def test_what_failed_is_tried_again(world, open_page):
    execution = running(world, "retry", 3)
    first, *others = world.iterations(execution)
    world.acknowledge(first, "broken", ok=False)
    for each in others:
        world.acknowledge(each)
    eventually(lambda: world.status(execution) == "completed")
    page = open_page()
    page.goto(world.at(execution))

    page.get_by_text("Try again…").click()
    page.get_by_role("button", name="Try again", exact=True).click()

    expect(page.get_by_text("tries again what did not succeed")).to_be_visible()
    expect(page.locator("#total")).to_have_text("1")
    expect(page.get_by_role("link", name="the execution before")).to_be_visible()
    assert page.url.partition("?")[0] != world.url + world.at(execution)


@with_libraries
def test_the_filter_narrows_the_list_while_it_is_typed(world, open_page):
    running(world, "typed", 1)
    running(world, "other", 1)
    page = open_page()
    page.goto("/console/jobs")
    page.keyboard.press("/")
    page.keyboard.type("job_name = 'Job typed'")

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("Job typed")
    assert "query=job_name" in page.url


@with_libraries
def test_a_fault_in_the_filter_is_shown_while_it_is_typed(world, open_page):
    page = open_page()
    page.goto("/console/jobs")
    page.get_by_label("Filter").press_sequentially("status == 'new'")

    expect(page.locator("pre.fault mark")).to_have_text("=")


def test_the_jobs_of_a_filter_are_cancelled_after_a_look_at_how_many(world, open_page):
    executions = [running(world, "many", 1), running(world, "many too", 1)]
    page = open_page()
    page.goto("/console/jobs?query=job_name+startsWith+'Job+many'")

    page.get_by_role("link", name="Cancel all of these…").click()
    expect(page.get_by_role("heading", name="Cancel 2 jobs?")).to_be_visible()
    page.get_by_role("button", name="Cancel 2").click()

    expect(page.get_by_text("2 jobs canceled.")).to_be_visible()
    assert {world.status(each) for each in executions} <= {"canceling", "canceled"}


def test_a_key_is_made_shown_once_and_revoked(world, open_page):
    page = open_page()
    page.goto("/console/keys")
    page.get_by_label("Name").fill("line 3")
    page.get_by_label("Role").select_option("beacon")
    page.get_by_role("button", name="Make key").click()
    secret = page.get_by_label("User key").input_value()
    assert secret.startswith("drover_k_")

    page.goto("/console/keys")
    assert secret not in page.content()
    expect(page.locator("tbody tr")).to_contain_text("line 3")
    page.get_by_text("Revoke…").click()
    page.get_by_role("button", name="Revoke this key").click()

    expect(page.get_by_text("You have no keys.")).to_be_visible()
    assert world.api.get("/me/keys")["items"] == []


def test_a_job_is_previewed_and_run(world, open_page):
    world.devices(2, "run")
    job = world.job("Runs", "run")
    page = open_page()
    page.goto(world.at("/resource-jobs"))
    page.get_by_role("link", name="Runs", exact=True).click()

    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("status")).to_contain_text("2 devices match now")
    page.get_by_role("button", name="Run now").click()

    expect(page.locator('[data-count="inProgress"]')).to_have_text("2")
    assert f"/resource-jobs/{job}/executions/" in page.url


def test_nothing_that_users_wrote_runs(world, open_page):
    bodies = [{"name": NASTY, "tags": [{"key": "site", "value": "nasty"}]}]
    (device,) = world.api.post(f"{world.base}/devices/batch", {"devices": bodies})["deviceIds"]
    execution = world.execute(world.job(NASTY, "nasty"))
    (iteration,) = eventually(lambda: world.iterations(execution))
    world.acknowledge(iteration, NASTY, ok=False)
    eventually(lambda: world.status(execution) == "completed")
    page = open_page()

    for path in ("/console/jobs", world.at(execution), world.at(f"/devices/{device}")):
        page.goto(path)
        expect(page.get_by_text(NASTY).first).to_be_visible()
        assert page.evaluate("window.hacked") is None


def cancel_between_two_loads(page):
    """Cancel on a page that loads itself again and again, and is closed then what was opened."""
    button = page.get_by_role("button", name="Cancel this execution")
    for _ in range(ATTEMPTS):
        page.get_by_text("Cancel…").click()
        try:
            button.click(timeout=2_000)
        except PageTimeout:
            continue
        return


def test_everything_works_without_scripts(world, open_page):
    execution = running(world, "plain", 2)
    page = open_page(java_script_enabled=False)
    page.goto("/console/jobs")
    page.get_by_label("Filter").fill("job_name = 'Job plain'")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Job plain").click()
    world.acknowledge(world.iterations(execution)[0])

    # The page loads itself again.
    expect(page.locator('[data-count="succeeded"]')).to_have_text("1")
    cancel_between_two_loads(page)
    expect(page.get_by_text("It is being canceled")).to_be_visible()
    device = world.at("/devices?name=plain+0")
    page.goto(device)
    page.get_by_role("link", name="plain 0").click()
    page.get_by_role("link", name="Show them").click()
    expect(page.locator("tbody tr")).to_have_count(1)


@contextmanager
def begun_job(world, beacon):
    """A job that a worker has begun: its page, and how to say something about it."""
    body = {"name": beacon, "role": "administrator", "expirationDate": "2099-01-01T00:00:00Z"}
    key = world.api.post("/me/keys", body)
    with TaskJobs(world.url, key["userkey"]) as say:
        job = say.create(NewJob(name=beacon, beacon_name=beacon, tasks=[{"command": "make"}]))

        def tell(action, **fields):
            say.post(object, f"/api/jobs/{job.id}", action, {"worker": beacon, **fields})

        tell("start")
        try:
            yield f"/console/beacon-jobs/{job.id}", tell
        finally:
            tell("end")
            world.api.delete(f"/me/keys/{key['id']}")


@with_libraries
def test_a_log_is_followed_as_it_is_written_and_keeps_its_place_when_read(world, open_page):
    page = open_page()
    log = page.locator("pre.log")
    left = "log => Math.round(log.scrollHeight - log.clientHeight - log.scrollTop)"
    with begun_job(world, "writes") as (address, tell):
        tell("log", line=[f"line {number} of the log" for number in range(300)])
        page.goto(address)
        expect(log).to_contain_text("line 299 of the log")
        assert log.evaluate(left) <= 1

        tell("log", line=["another one"])
        expect(log).to_contain_text("another one")
        assert log.evaluate(left) <= 1
        log.evaluate("log => { log.scrollTop = 40; }")
        tell("log", line=["the last one"])
        expect(log).to_contain_text("the last one")

        assert log.evaluate("log => log.scrollTop") == 40


def say(world, topic, message):
    """Publish a message on a topic."""
    world.api.post(f"{world.base}/mqttPublishMessage", {"topic": topic, "message": message})


def watching(world, page, topic):
    """Open the page of a topic, and wait until it follows."""
    page.goto(world.at(f"/live?topic={quote(topic)}"))
    expect(page.locator("[data-live-status]")).to_have_text("watching")


def test_messages_on_a_topic_are_seen_as_they_come_and_nothing_of_them_runs(world, open_page):
    page = open_page(viewport={"width": 360, "height": 700})
    watching(world, page, "t/#")
    page.evaluate("window.mark = 1")

    say(world, "t/" + "x" * 200, NASTY + "y" * 30_000)
    say(world, "t/b", NASTY)

    rows = page.locator("[data-live-messages] tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("t/b")
    expect(rows.first).to_contain_text(NASTY)
    assert page.evaluate("[window.mark, window.hacked ?? null]") == [1, None]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_topic_on_which_very_much_is_said_leaves_the_page_usable(world, open_page):
    page = open_page()
    watching(world, page, "t/fast")
    count = page.locator("[data-live-count]")
    for number in range(150):
        say(world, "t/fast", f"message {number}")
    expect(count).to_have_text("150")
    rows = page.locator("[data-live-messages] tr")
    expect(rows).to_have_count(100)
    expect(rows.first).to_contain_text("message 149")

    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    say(world, "t/fast", "while it is paused")
    expect(count).to_have_text("151")
    expect(rows.first).to_contain_text("message 149")
    page.get_by_role("button", name="Go on").click()

    expect(rows.first).to_contain_text("while it is paused")


def test_the_page_tells_what_it_does_not_show_of_very_many_messages(world, open_page):
    page = open_page()
    watching(world, page, "t/many")
    page.get_by_role("button", name="Pause").click()
    for number in range(130):
        say(world, "t/many", f"message {number}")
    expect(page.locator("[data-live-count]")).to_have_text("130")

    expect(page.locator("[data-live-left-out]")).to_have_text("30 too many to show")
    expect(page.locator("[data-live-missed]")).to_have_text("")


def test_the_page_tells_what_came_while_its_reader_was_cut_off(world, open_page, monkeypatch):
    monkeypatch.setattr(streams, "MOST_KEPT", 2)
    page = open_page()
    watching(world, page, "t/cut")
    say(world, "t/cut", "the first")
    rows = page.locator("[data-live-messages] tr")
    expect(rows.first).to_contain_text("the first")
    with monkeypatch.context() as slow:
        slow.setattr(streams, "MOST_UNREAD_BYTES", 10)
        for text in ("too much", "while it is away", "still away", "the last"):
            say(world, "t/cut", text)
        expect(page.locator("[data-live-status]")).to_contain_text("interrupted")

    expect(rows.first).to_contain_text("the last")
    expect(page.locator("[data-live-missed]")).to_have_text("2 missed")
    expect(page.locator("[data-live-count]")).to_have_text("3")


def test_a_topic_that_cannot_be_watched_is_told_so(world, open_page):
    page = open_page()
    page.goto(world.at("/live"))
    page.get_by_label("Topic").fill("losant/#/" + NASTY)
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("cannot be subscribed to")
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_its_window(world, open_page, width):
    execution = running(world, f"width {width}", 2)
    (device,) = world.devices(1, "wide")
    told = {"name": "W" * 200, "payload": {"a": "W" * 5000}}
    world.api.post(f"{world.base}/devices/{device}/command", told)
    page = open_page(viewport={"width": width, "height": 700})
    paths = (
        "/console/jobs",
        "/console/applications",
        "/console/beacons",
        "/console/beacons/one?name=line+3",
        "/console/schedules",
        "/console/keys",
        "/console/users",
        "/console/health",
        world.at("/resource-jobs"),
        world.at("/devices"),
        world.at("/workflows"),
        world.at("/live"),
        world.at(f"/devices/{device}"),
        world.at(f"/devices/{device}/logs"),
        world.at(execution),
    )
    with begun_job(world, "W" * 60) as (job, _tell):
        for path in (*paths, job):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_page_keeps_its_title_and_an_application_with_a_long_name_its_tabs(world, open_page):
    (device,) = world.devices(1, "titled")
    long = world.api.post("/applications", {"name": "A long name " * 18})["id"]
    page = open_page(viewport={"width": 1000, "height": 700})
    page.goto(world.at(f"/devices/{device}"))
    expect(page.get_by_text("It has not been connected yet")).to_be_visible()
    assert page.title() == "titled 0 · Drover"
    page.goto(f"/console/applications/{long}/devices")
    expect(page.get_by_role("link", name="Live")).to_be_in_viewport(ratio=1)


def test_keys_alone_reach_and_close_what_opens(world, open_page):
    execution = running(world, "keys", 1)
    page = open_page()
    page.goto(world.at(execution))
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    cancel = page.get_by_text("Cancel…")
    cancel.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel this execution")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_role("button", name="Cancel this execution")).to_be_hidden()
    expect(cancel).to_be_focused()
