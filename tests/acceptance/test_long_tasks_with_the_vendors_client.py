"""Long tasks from end to end: real servers, the vendor's unmodified client, kills, and who is told."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import hmac
import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import asyncpg
import httpx
import pytest
from losant_rest import Client, LosantError

from examples.serving import serving

DAY_MS = 86_400_000
OLD_MS = int(time.time() * 1000) // DAY_MS * DAY_MS - 27 * DAY_MS
DATE = time.strftime("%Y-%m-%d", time.gmtime(OLD_MS / 1000))
PATIENCE_S = 180
KEY = "a-key-of-16-chars-or-more"
SETTINGS = {
    "min_iteration_timeout_ms": 300,
    "sweep_seconds": 0.2,
    "heartbeat_seconds": 0.5,
    "workers": 1,
    "script_workers": 1,
    "callback_key": KEY,
    "allowed_networks": "127.0.0.0/8",
}


def until(look, holds):
    """Look again and again until it holds; fail with what was seen last."""
    end = time.monotonic() + PATIENCE_S
    while not holds(seen := look()):
        assert time.monotonic() < end, seen
        time.sleep(0.05)
    return seen


class Plant:
    """The vendor's client over a server of our own, and short names for what tests do with it."""

    def __init__(self, server):
        self.server = server
        self.client = Client(auth_token=server.client.token, url=server.url)
        self.fresh()

    def fresh(self):
        """Make an application for a test."""
        self.application = self.client.applications.post(application={"name": "Plant"})["id"]
        self.key = {"applicationId": self.application}
        return self

    def device(self, name="pump", moments=(), **tags):
        attributes = [
            {"name": "on", "dataType": "boolean"},
            {"name": "note", "dataType": "string"},
            {"name": "heat", "dataType": "number"},
        ]
        labels = [{"key": key, "value": value} for key, value in tags.items()]
        body = {"name": name, "attributes": attributes, "tags": labels}
        made = self.client.devices.post(**self.key, device=body)["id"]
        for start in range(0, len(moments), 90):
            reports = [{"time": at, "data": data} for at, data in moments[start : start + 90]]
            self.client.device.send_state(**self.key, deviceId=made, deviceState=reports)
        return made

    def configure(self, **config):
        config = {"delayDays": 1, **config}
        self.client.application.patch(**self.key, application={"archiveConfig": config})

    def ended(self, asked):
        """Return the log of a job that was asked for, once it has ended."""
        assert asked["jobQueued"] is True

        def look():
            return self.client.application_job_log.get(**self.key, jobId=asked["jobId"])

        return until(look, lambda log: log.get("runCompletedAt"))

    @property
    def archives(self):
        return self.server.data_dir / "archives"

    def files(self):
        found = {
            str(each.relative_to(self.archives)): gzip.decompress(each.read_bytes()).decode()
            for each in self.archives.rglob("*.csv.gz")
            if self.application in each.name
        }
        return dict(sorted(found.items()))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request):
    """The settings of a server on each store."""
    if request.param == "sqlite":
        return SETTINGS
    url = request.getfixturevalue("postgres_server")
    name = f"tasks_{os.getpid()}"
    asyncio.run(_create(url, name))
    return {**SETTINGS, "database": _named(url, name)}


async def _create(url, name):
    admin = await asyncpg.connect(url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()


def _named(url, name):
    head, _, _ = url.partition("?")
    tail = url[len(head) :]
    return f"{head.rpartition('/')[0]}/{name}{tail}"


@pytest.fixture(scope="module")
def server(place):
    with serving(**place) as running:
        yield running


@pytest.fixture
def plant(server):
    return Plant(server)


@contextmanager
def listening():
    """Take callbacks; yield their address and what came."""
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_given):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}/hook", taken
        listener.shutdown()


def test_a_day_is_archived_in_the_published_layout(plant):
    at = OLD_MS + 3_600_000
    pump = plant.device(
        "pump", [(at, {"on": True, "note": 'a "b", c', "heat": 1.5}), (at + 1, {"heat": 2})]
    )
    plant.device("idle")
    plant.device("later", [(OLD_MS + DAY_MS, {"heat": 3})])
    plant.configure(directory="line-{{globals.line}}")  # rendered empty without such a global

    log = plant.ended(plant.client.application.archive_data(**plant.key, date=str(at)))

    folder = f"line-/{DATE}T00:00:00.000Z/"
    name = f"{plant.application}-{pump}-{OLD_MS}-{OLD_MS + DAY_MS - 1}.csv.gz"
    assert log["status"] == "completed"
    assert log["name"] == "ArchiveData"
    assert log["output"]["devicesDirectory"] == folder
    assert (log["output"]["files"], log["output"]["rows"], log["output"]["points"]) == (1, 2, 4)
    (found,) = plant.files().items()
    assert found[0] == folder + name
    lines = found[1].splitlines()
    assert lines[0] == '"ID","Timestamp","ISO Date","heat","note","on"'
    assert lines[1] == f'{pump},{at},{DATE}T01:00:00.000Z,1.5,"a ""b"", c",1'
    assert lines[2] == f"{pump},{at + 1},{DATE}T01:00:00.001Z,2,,"


def test_whitelists_and_blacklists_choose_by_ids_and_tags(plant):
    at = OLD_MS + 5
    one = plant.device("one", [(at, {"heat": 1})])
    two = plant.device("two", [(at, {"heat": 1})], kind="pump")
    three = plant.device("three", [(at, {"heat": 1})])
    chosen = {"deviceIds": [one], "deviceTags": [{"key": "kind", "value": "pump"}]}
    for mode, devices in (
        ("whitelist", {one, two}),
        ("blacklist", {three}),
        ("all", {one, two, three}),
    ):
        plant.configure(directory=mode, mode=mode, **chosen)

        plant.ended(plant.client.application.archive_data(**plant.key, date=str(at)))

        names = [key for key in plant.files() if key.startswith(f"{mode}/")]
        assert {name.split("/")[-1].split("-")[1] for name in names} == devices


def test_everything_is_archived_at_once_by_the_three_others(plant):
    plant.device("pump", [(OLD_MS, {"heat": 1}), (OLD_MS + 2 * DAY_MS, {"heat": 2})])
    event = {"level": "info", "subject": "=1+1", "message": "m"}
    plant.client.events.post(**plant.key, event=event)
    columns = [{"name": "serial", "dataType": "string", "constraint": "optional"}]
    table = plant.client.data_tables.post(**plant.key, dataTable={"name": "T", "columns": columns})
    where = {**plant.key, "dataTableId": table["id"]}
    plant.client.data_table_rows.post(**where, dataTableRow=[{"serial": "s1"}, {"serial": "s2"}])
    plant.configure(directory="all")
    client = plant.client.application

    days = plant.ended(client.backfill_archive_data(**plant.key))
    events = plant.ended(client.full_events_archive(**plant.key))
    tables = plant.ended(client.full_data_tables_archive(**plant.key))

    assert (days["output"]["files"], days["output"]["points"]) == (2, 2)
    assert (events["output"]["eventsDirectory"], events["output"]["rows"]) == ("all/events/", 1)
    assert (tables["output"]["dataTablesDirectory"], tables["output"]["rows"]) == (
        "all/dataTables/",
        2,
    )
    files = {name.split("/")[1]: text for name, text in plant.files().items()}
    (told,) = csv.DictReader(files["events"].splitlines())
    assert (told["subject"], told["level"], told["state"]) == ("=1+1", "info", "new")
    rows = list(csv.DictReader(files["dataTables"].splitlines()))
    assert [each["serial"] for each in rows] == ["s1", "s2"]


def test_archives_are_refused_where_they_could_not_be_made(plant):
    client, key = plant.client.application, plant.key
    for call, options, field in (
        (client.archive_data, {"date": "1"}, "archiveConfig"),
        (client.backfill_archive_data, {}, "archiveConfig"),
        (client.full_events_archive, {}, "archiveConfig"),
        (client.full_data_tables_archive, {}, "archiveConfig"),
    ):
        with pytest.raises(LosantError) as error:
            call(**key, **options)
        assert (error.value.status, field in error.value.data["message"]) == (400, True)

    plant.configure(directory="x")
    for date in ("", "soon", "-1", "99999999999999999999", "4102444800000", "1e3", "2020-13-01"):
        with pytest.raises(LosantError) as error:
            client.archive_data(**key, date=date)
        assert error.value.status == 400


@pytest.mark.parametrize(
    "directory",
    [
        "../x", "a/../../x", "{{globals.up}}/x", "a/./b", "a//b", "/etc/{{globals.up}}", ".hidden",
        "a\\b", "a\0b", "{{#each}}", "x" * 200 + "/" + "{{globals.long}}", "a b",
    ],
)  # fmt: skip
def test_a_directory_that_leads_out_of_the_archives_is_refused_when_it_is_saved(plant, directory):
    values = [{"key": "up", "json": '".."'}, {"key": "long", "json": json.dumps("y" * 200)}]
    plant.client.application.patch(**plant.key, application={"globals": values})

    with pytest.raises(LosantError) as error:
        plant.configure(directory=directory)

    assert error.value.status == 400
    assert "archiveConfig" not in plant.client.application.get(**plant.key)


@pytest.mark.parametrize(
    "bucket",
    [
        {"s3": {"bucket": "plant"}},
        {"s3": {"bucket": "evil.example/x#", "accessKeyId": "key1", "secretAccessKey": "secret"}},
        {"s3": {"bucket": "plant", "accessKeyId": "key1", "secretAccessKey": "secret", "region": "x@127.0.0.1/"}},
        {"azure": {"bucket": "plant", "account": "evil.com/", "accountKey": "a2V5"}},
        {"gcs": {"bucket": "plant"}},
        {"gcs": {"bucket": "plant", "keyJson": "no key"}},
    ],
)  # fmt: skip
def test_buckets_that_cannot_be_one_are_refused(plant, bucket):
    with pytest.raises(LosantError) as error:
        plant.configure(**bucket)

    assert error.value.status == 400


def test_whoever_asked_is_told_by_mail_and_by_a_signed_callback(plant):
    pump = plant.device("pump", [(OLD_MS, {"heat": 1})])
    with listening() as (url, taken):
        asked = plant.client.device.export(
            **plant.key, deviceId=pump, email="a@example.com", callbackUrl=url
        )
        log = plant.ended(asked)
        until(lambda: len(taken), bool)

    headers, body = taken[0]
    seconds, _, digest = headers["X-Drover-Signature"][2:].partition(",v1=")
    wanted = hmac.new(KEY.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert digest == wanted
    assert (told["id"], told["status"], told["output"]) == (log["id"], "completed", log["output"])
    assert log["input"] == {
        **log["input"], "emails": ["a@example.com"], "callbackUrl": url,
    }  # fmt: skip
    mail = plant.server.data_dir / "mail" / f"{log['id']}.eml"
    until(mail.is_file, bool)
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    assert (message["To"], log["output"]["downloadUrls"][0] in message.get_content()) == (
        "a@example.com",
        True,
    )


def test_job_logs_are_listed_sought_and_seen_in_the_inventory(plant):
    plant.configure(directory="x")
    first = plant.ended(plant.client.application.full_events_archive(**plant.key))
    second = plant.ended(plant.client.application.archive_data(**plant.key, date="0"))
    logs = plant.client.application_job_logs

    every = logs.get(**plant.key)
    found = logs.get(**plant.key, query={"name": "ArchiveData"}, sortDirection="desc")
    digi = plant.server.client.get("/ws/v1/jobs/inventory", query="job_type = 'archive_data'")

    assert [each["id"] for each in every["items"]] == [first["id"], second["id"]]
    assert (every["totalCount"], every["sortField"], every["_type"]) == (
        2,
        "runQueuedAt",
        "applicationJobLogs",
    )
    assert [each["id"] for each in found["items"]] == [second["id"]]
    assert second["id"] in [each["source_id"] for each in digi["list"]]
    for query in ({"nonsense": 1}, {"id": "x"}, {"$where": "1"}):
        with pytest.raises(LosantError) as error:
            logs.get(**plant.key, query=query)
        assert error.value.status == 400
    with pytest.raises(LosantError) as error:
        plant.client.application_job_log.get(**plant.key, jobId="0" * 24)
    assert error.value.status == 404


def test_a_deleted_application_is_gone_at_once_and_its_task_is_the_users(plant):
    plant.device("pump", [(OLD_MS, {"heat": 1})])

    plant.client.application.delete(**plant.key)

    with pytest.raises(LosantError) as error:
        plant.client.application.get(**plant.key)
    assert error.value.status == 404

    def look():
        found = plant.server.client.get(
            "/ws/v1/jobs/inventory", query="job_type = 'application_delete'"
        )
        return found["list"][0]["status"]

    assert until(look, lambda status: status == "complete") == "complete"


def test_an_archive_whose_server_is_killed_goes_on_and_no_file_is_half_there(place, tmp_path):
    folder = str(tmp_path / "data")
    settings = {**place, "admin_password": "correct horse battery", "lease_seconds": 3}
    if "database" in settings:
        pytest.skip("the store of the module has a server of its own")
    with serving(folder, **settings) as first:
        plant = Plant(first)
        for index in range(12):
            moments = [(OLD_MS + n * DAY_MS, {"heat": n}) for n in range(25)]
            plant.device(f"d{index}", moments)
        plant.configure(directory="k")
        asked = plant.client.application.backfill_archive_data(**plant.key)
        until(lambda: len(list(plant.archives.rglob("*.csv.gz"))), lambda count: count > 20)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait(30)
        for each in plant.archives.rglob("*.csv.gz"):
            gzip.decompress(each.read_bytes())

    with serving(folder, **settings) as second:
        again = Plant(second)
        again.key, again.application = plant.key, plant.application
        log = again.ended(asked)
        texts = again.files()

    assert log["status"] == "completed"
    assert log["output"]["points"] == sum(len(text.splitlines()) - 1 for text in texts.values())
    assert len(texts) == 12 * 25 == log["output"]["files"]


def _open(url):
    return httpx.get(url, timeout=60)


def test_the_data_of_a_device_is_exported_as_csv_behind_a_signed_link(plant):
    at = OLD_MS + 7
    pump = plant.device("pump", [(at, {"heat": 1, "note": "=cmd()"}), (at + 1, {"heat": 2})])

    log = plant.ended(
        plant.client.device.export(**plant.key, deviceId=pump, start=str(at), end=str(at))
    )

    (url,) = log["output"]["downloadUrls"]
    answer = _open(url)
    assert answer.status_code == 200
    assert answer.text.splitlines() == [
        '"Timestamp","ISO Date","heat","note","on"',
        f'{at},{DATE}T00:00:00.007Z,1,"\'=cmd()",',
    ]
    assert _open(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403


def test_lists_are_exported_as_csv_and_as_json(plant):
    plant.device("pump", kind="x")
    plant.device("fan")
    plant.client.events.post(**plant.key, event={"level": "info", "subject": "=1+1"})
    columns = [{"name": "serial", "dataType": "string", "constraint": "optional"}]
    table = plant.client.data_tables.post(**plant.key, dataTable={"name": "T", "columns": columns})
    where = {**plant.key, "dataTableId": table["id"]}
    rows = [{"serial": f"s{number}"} for number in range(3)]
    plant.client.data_table_rows.post(**where, dataTableRow=rows)
    client = plant.client

    devices = plant.ended(
        client.devices.export(**plant.key, options={"query": {"tags": {"kind": "x"}}})
    )
    as_json = plant.ended(client.devices.export(**plant.key, options={"format": "json"}))
    events = plant.ended(client.events.export(**plant.key, exportData={"excludeUpdates": True}))
    options = {"sortColumn": "serial", "sortDirection": "desc", "limit": 2}
    found = plant.ended(
        client.data_table_rows.export(**where, exportData={"queryOptions": options})
    )
    data = plant.ended(client.data.export(**plant.key, query={"deviceQuery": {}}))

    def read(log):
        return _open(log["output"]["downloadUrls"][0]).text

    (device,) = csv.DictReader(read(devices).splitlines())
    assert (device["name"], json.loads(device["tags"])) == ("pump", [{"key": "kind", "value": "x"}])
    assert {each["name"] for each in json.loads(read(as_json))} == {"pump", "fan"}
    (event,) = csv.DictReader(read(events).splitlines())
    assert (event["subject"], "updates" in event) == ("'=1+1", False)
    assert [each["serial"] for each in csv.DictReader(read(found).splitlines())] == ["s2", "s1"]
    assert read(data).splitlines() == ['"ID","Timestamp","ISO Date","heat","note","on"']


def test_exports_of_what_cannot_be_asked_are_refused(plant):
    pump, client, key = plant.device(), plant.client, plant.key
    columns = [{"name": "serial", "dataType": "string", "constraint": "optional"}]
    table = client.data_tables.post(**key, dataTable={"name": "T", "columns": columns})["id"]
    for call, options in (
        (client.data.export, {"query": {}}),
        (client.data.export, {"query": {"deviceQuery": {"nonsense": 1}}}),
        (client.device.export, {"deviceId": pump, "start": "9", "end": "8"}),
        (client.device.export, {"deviceId": pump, "callbackUrl": "file:///etc/passwd"}),
        (client.device.export, {"deviceId": pump, "email": "a@b,nonsense\r\nBcc: x@y"}),
        (client.devices.export, {"options": {"query": {"id": "x"}}}),
        (client.events.export, {"exportData": {"format": "xml"}}),
        (client.data_table_rows.export, {"dataTableId": table, "exportData": {"query": {"no": 1}}}),
    ):
        with pytest.raises(LosantError) as error:
            call(**key, **options)
        assert error.value.status == 400, (options, error.value.data)
    with pytest.raises(LosantError) as error:
        client.device.export(**key, deviceId="0" * 24)
    assert error.value.status == 404


def test_many_devices_are_changed_forgotten_deleted_and_restored_by_jobs(plant):
    client, key = plant.client, plant.key
    many = [{"name": f"d{number}"} for number in range(1001)]
    plant.server.client.post(f"/applications/{plant.application}/devices/batch", {"devices": many})
    pump = plant.device("pump", [(OLD_MS, {"heat": 1, "note": "a"}), (OLD_MS + 5, {"heat": 2})])
    tag = {"operation": "set", "target": "tag", "value": {"key": "k", "value": "v"}}

    patched = plant.ended(
        client.devices.patch(**key, patchInfo={"query": {}, "updateOperations": [tag]})
    )
    forgotten = plant.ended(
        client.devices.remove_data(
            **key,
            options={"query": {"id": pump}, "start": OLD_MS, "end": OLD_MS, "attributes": ["heat"]},
        )
    )
    left = client.device.get_state(**key, deviceId=pump, limit="10")
    few = {"name": {"$in": ["d1", "d2"]}}
    deleted = plant.ended(client.devices.delete(**key, options={"query": few, "forceJob": True}))
    gone = client.devices.get(**key, perPage="1")["totalCount"]
    restored = plant.ended(client.devices.restore(**key, options={"query": few, "forceJob": True}))
    inline = client.devices.delete(**key, options={"query": few})

    assert patched["output"] == {"updated": 1002, "failed": 0, "skipped": 0}
    assert (patched["resourceType"], patched["progress"]["completed"]) == ("device", 1002)
    assert forgotten["output"] == {"removed": 1}
    assert [each["data"] for each in left] == [{"heat": 2}, {"note": "a"}]
    assert (deleted["output"], gone) == ({"removed": 2, "failed": 0}, 1000)
    assert restored["output"] == {"restored": 2, "failed": 0}
    assert inline == {"removed": 2, "failed": 0}
    with pytest.raises(LosantError) as error:
        client.devices.remove_data(**key, options={"query": {"nonsense": 1}})
    assert error.value.status == 400
