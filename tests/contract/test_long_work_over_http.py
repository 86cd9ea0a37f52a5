"""Archives, exports, bulk changes and job logs over HTTP, on each database, in this process."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import zipfile
from datetime import datetime
from unittest.mock import ANY

import httpx
import pyarrow.parquet
import pytest

import drover.app.tasks
from drover.app.archives.asking import Archives
from drover.app.archives.parquet_form import PARQUET
from drover.app.archives.sources import ArchiveRoom
from drover.app.exports import ExportRoom
from drover.app.long_tasks import LongTask, LongTasks
from drover.app.services import Services
from drover.discover import discover
from drover.engine.service import Heart
from drover.engine.tasks import TaskRunner
from drover.engine.timing import Timing
from drover.faces import losant
from drover.faces.declared import settled
from drover.faces.http import HttpApp
from drover.faces.losant import (
    _jobs,
    applications,
    archives,
    auth,
    data_tables,
    device_reports,
    devices,
    events,
    exports,
    job_logs,
    resources,
)
from drover.model.instants import to_text
from drover.store.archives import ArchivePlaces
from tests.support.access_server import AccessServer
from tests.support.catalog_server import MemoryBlobs

MODULES = (
    applications, archives, auth, data_tables, device_reports, devices, events, exports, job_logs,
    resources,
)  # fmt: skip
DAY_MS = 86_400_000
KINDS = {"archive_data", "backfill_archive", "full_events_archive", "full_data_tables_archive",
         "device_data_export", "devices_export", "events_export", "data_table_export",
         "devices_delete", "devices_restore", "devices_patch", "devices_remove_data",
         "events_delete", "events_patch"}  # fmt: skip


LAST = "INSERT INTO device_last (device_id, attribute, time_ms, value) VALUES (:id, 'heat', 5, '1')"


class Plant(AccessServer):
    """A server with what long work needs, an application, and short names."""

    async def begin(self, folder):
        self.folder, self.blobs = folder, MemoryBlobs()
        places = ArchivePlaces(str(folder))
        room = ExportRoom(self.store, self.blobs, lambda own: f"http://drover.test/reports/{own}")
        tasks = self.services[LongTasks]
        own = (ArchiveRoom(self.store, places), room, Archives(self.store, tasks, places))
        self.services = Services(*own, *self.services._services)
        found = [each for module in MODULES for each in module.operations(self.services)]
        app = HttpApp(settled([(losant.FACE, each) for each in found]), self.access.gate)
        transport = httpx.ASGITransport(app=app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://drover.test")
        self.token = await self.start()
        self.own = f"/applications/{await self.application(self.token)}"
        return self

    async def do(self, method, path, body=None):
        """Send a request; return its status and JSON."""
        answer = await self.call(self.token, method, self.own + path, body)
        return answer.status_code, answer.json()

    async def ended(self, method, path, body=None):
        """Ask for a job, run it, and return its log."""
        status, asked = await self.do(method, path, body)
        assert (status, asked["jobQueued"]) == (202, True), asked
        kinds = discover(drover.app.tasks, "TASK", LongTask)
        works = {each.kind: each.make(self.services) for each in kinds if each.kind in KINDS}
        heart = Heart(self.store, Timing(lease_ms=60_000, beat_ms=60_000), "w")
        runner = TaskRunner(heart, works, most=1)
        async with asyncio.timeout(120):
            await runner.tick()
            while runner.running:
                await asyncio.sleep(0.01)
        return await self.ok(self.token, "GET", f"{self.own}/jobLogs/{asked['jobId']}")

    async def device(self, **fields):
        kinds = {"heat": "number", "note": "string", "raw": "blob"}
        attributes = [{"name": name, "dataType": kind} for name, kind in kinds.items()]
        body = {"name": "pump", "attributes": attributes, **fields}
        made = await self.do("POST", "/devices", body)
        return made[1]["id"]

    async def report(self, device_id, *moments):
        """Write state; None among values leaves them out."""
        sql = (
            "INSERT INTO device_state (device_id, attribute, time_ms, value)"
            " VALUES (:id, :name, :at, :value)"
        )
        for at, name, value in moments:
            row = {"id": device_id, "name": name, "at": at, "value": json.dumps(value)}
            await self.store.database.write(lambda tx, row=row: tx.execute_sql(sql, row))

    def files(self):
        found = sorted(self.folder.rglob("*.csv.gz"))
        return {each.name: gzip.decompress(each.read_bytes()).decode() for each in found}


@pytest.fixture
async def plant(database, tmp_path):
    made = await Plant(database).begin(tmp_path / "archives")
    yield made
    await made.close()


async def test_each_way_to_archive_writes_its_files(plant):
    config = {
        "delayDays": 1, "includeEvents": True, "includeDataTables": True, "directory": "d",
        "mode": "blacklist", "deviceTags": [{"key": "kind", "value": "quiet"}],
    }  # fmt: skip
    assert (await plant.do("PATCH", "", {"archiveConfig": config}))[0] == 200
    pump = await plant.device()
    quiet = await plant.device(name="quiet", tags=[{"key": "kind", "value": "quiet"}])
    for device_id in (pump, quiet):
        await plant.report(device_id, (5, "heat", 1.5), (5, "note", "a"), (DAY_MS * 3, "heat", 2))
    await plant.do("POST", "/events", {"level": "info", "subject": "s"})
    columns = [{"name": "serial", "dataType": "string", "constraint": "optional"}]
    table = (await plant.do("POST", "/data-tables", {"name": "T", "columns": columns}))[1]["id"]
    await plant.do("POST", f"/data-tables/{table}/rows", [{"serial": "1"}, {"serial": "2"}])

    day = await plant.ended("GET", "/archiveData?date=1970-01-01T05:00:00Z")
    past = await plant.ended("GET", "/backfillArchiveData")
    events_log = await plant.ended("GET", "/fullEventsArchive")
    tables_log = await plant.ended("GET", "/fullDataTablesArchive")

    assert day["output"] == {
        **day["output"], "files": 3, "rows": 3, "points": 2,
        "devicesDirectory": "d/1970-01-01T00:00:00.000Z/",
    }  # fmt: skip
    assert (past["output"]["files"], past["output"]["points"]) == (2, 3)
    assert (events_log["output"]["rows"], tables_log["output"]["rows"]) == (1, 2)
    assert not [name for name in plant.files() if quiet in name]
    assert [log["status"] for log in (day, past, events_log, tables_log)] == ["completed"] * 4


async def _filled(plant):
    """Have two devices, an event and a table; return the ids of a device and of the table."""
    config = {"delayDays": 1, "includeEvents": True, "includeDataTables": True}
    await plant.do("PATCH", "", {"archiveConfig": config})
    pump, fan = await plant.device(), await plant.device(name="fan")
    await plant.report(pump, (5, "heat", 1.5), (5, "note", "a"), (6, "raw", "YQ=="))
    await plant.report(fan, (5, "heat", 1), (9, "heat", "hot"), (DAY_MS, "heat", 2))
    await plant.do("POST", "/events", {"level": "info", "subject": "s", "data": {"a": [1]}})
    columns = [
        {"name": name, "dataType": kind, "constraint": "optional"}
        for name, kind in (("serial", "string"), ("size", "number"), ("sold", "boolean"))
    ]
    table = (await plant.do("POST", "/data-tables", {"name": "T", "columns": columns}))[1]["id"]
    rows = [{"serial": "1", "size": 2.5, "sold": True}, {"serial": "2"}]
    await plant.do("POST", f"/data-tables/{table}/rows", rows)
    return fan, table


def _as_csv_has_it(value):
    if isinstance(value, datetime):
        return to_text(round(value.timestamp() * 1000))
    if value is None or isinstance(value, bool):
        return str(int(value)) if value is not None else ""
    return f"{value:g}" if isinstance(value, float) else value


def _csv_of(raw):
    """Return what a Parquet archive holds as a CSV archive of the same would have it."""
    return [
        {name: _as_csv_has_it(value) for name, value in row.items()}
        for row in pyarrow.parquet.read_table(io.BytesIO(raw)).to_pylist()
    ]


def _rows_of(text):
    """Return the lines of a CSV archive, with the date alone for a moment."""
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        if "ISO Date" in row:
            row["Timestamp"] = row.pop("ISO Date")
    return rows


def _by_name(folder, suffix):
    """Return files by name, which tells for all events only when they were asked for."""
    found = folder.rglob(f"*{suffix}")
    return {
        "all" if each.parent.name == "events" else each.name.removesuffix(suffix): each.read_bytes()
        for each in found
    }


async def _outputs(plant):
    paths = ("/archiveData?date=1970-01-01", "/backfillArchiveData", "/fullEventsArchive")
    return [(await plant.ended("GET", path))["output"] for path in paths]


async def test_a_parquet_archive_holds_what_the_csv_archive_of_the_same_holds(plant, monkeypatch):
    monkeypatch.setattr("drover.app.archives.work.MOMENTS", 1)
    await _filled(plant)
    lines = await _outputs(plant)

    plant.services[ArchiveRoom].form = PARQUET
    columns = await _outputs(plant)

    counts = [[(each["files"], each.get("points"), each["rows"]) for each in columns]]
    counts.append([(each["files"], each.get("points"), each["rows"]) for each in lines])
    assert counts[0] == counts[1] == [(4, 5, 6), (3, 6, 5), (1, None, 1)]
    assert all(len(each["checksum"]) == 64 for each in columns)
    texts, tables = _by_name(plant.folder, ".csv.gz"), _by_name(plant.folder, ".parquet")
    assert texts.keys() == tables.keys()
    for name, raw in tables.items():
        assert _csv_of(raw) == _rows_of(gzip.decompress(texts[name]).decode()), name
    assert await _outputs(plant) == [*columns[:2], {**columns[2], "checksum": ANY}]


async def test_a_file_whose_values_do_not_fit_is_written_once_and_leaves_nothing(plant):
    fan, table = await _filled(plant)
    plant.services[ArchiveRoom].form = PARQUET

    await _outputs(plant)

    (mixed,) = plant.folder.rglob(f"*{fan}-0-*.parquet")
    held = pyarrow.parquet.read_table(mixed)
    assert held["heat"].to_pylist() == ["1", "hot"]
    (other,) = plant.folder.rglob(f"*{fan}-{DAY_MS}-*.parquet")
    assert pyarrow.parquet.read_table(other)["heat"].to_pylist() == [2.0]
    (rows,) = plant.folder.rglob(f"*{table}*.parquet")
    kinds = [str(each.type) for each in pyarrow.parquet.read_schema(rows)]
    assert kinds == ["string", *["timestamp[ms, tz=UTC]"] * 2, "string", "double", "bool"]
    assert not list((plant.folder / ".partial").iterdir())


async def test_what_cannot_be_archived_is_refused(plant):
    for path in ("/archiveData?date=5", "/backfillArchiveData", "/archiveData"):
        assert (await plant.do("GET", path))[0] == 400
    await plant.do("PATCH", "", {"archiveConfig": {"directory": "d"}})
    for date in ("1" * 16, "4102444800000", "-1", "1969-12-31", "soon"):
        status, told = await plant.do("GET", f"/archiveData?date={date}")
        assert (status, "date" in told["message"]) == (400, True), (date, told)


async def test_data_of_devices_is_exported(plant):
    pump, fan = await plant.device(), await plant.device(name="fan")
    await plant.report(pump, (5, "heat", 1), (5, "note", "=1"), (6, "heat", 2), (7, "raw", "x"))
    await plant.report(fan, (5, "heat", 3))
    for device_id in (pump, fan):
        row = {"id": device_id}
        await plant.store.database.write(lambda tx, row=row: tx.execute_sql(LAST, row))

    one = await plant.ended("POST", f"/devices/{pump}/export?start=5&end=5&includeBlobData=true")
    body = {
        "deviceIds": [pump], "deviceTags": [{"key": "no", "value": "none"}], "deviceQuery": {"id": fan},
        "attributes": ["heat"], "options": {"includeDate": False}, "start": 1, "end": 6,
        "email": "a@example.com",
    }  # fmt: skip
    many = await plant.ended("POST", "/data/export", body)
    whole = await plant.ended("POST", "/data/export", {"deviceIds": [pump]})

    texts = [each.decode() for each in plant.blobs.objects.values()]
    assert texts[0].splitlines() == [
        '"Timestamp","ISO Date","heat","note","raw"',
        '5,1970-01-01T00:00:00.005Z,1,"\'=1",',
    ]
    assert texts[1].splitlines() == [
        '"ID","Timestamp","heat"',
        f"{pump},5,1",
        f"{pump},6,2",
        f"{fan},5,3",
    ]
    assert texts[2].splitlines() == [  # nothing of the moment of a blob, which nobody asked for
        '"ID","Timestamp","ISO Date","heat","note"',
        f'{pump},5,1970-01-01T00:00:00.005Z,1,"\'=1"',
        f"{pump},6,1970-01-01T00:00:00.006Z,2,",
    ]
    assert (one["resourceId"], many["input"]["emails"]) == (pump, ["a@example.com"])
    assert whole["output"]["downloadUrls"] == [f"http://drover.test/reports/{whole['id']}"]


async def test_a_blob_stays_out_where_another_device_has_something_else_of_that_name(plant):
    pump = await plant.device()
    fan = await plant.device(attributes=[{"name": "raw", "dataType": "number"}])
    await plant.report(pump, (5, "raw", "long"), (6, "heat", 1), (6, "raw", "long"))
    await plant.report(fan, (5, "raw", 3))
    for device_id, name in ((pump, "heat"), (pump, "raw"), (fan, "raw")):
        row = {"id": device_id}
        sql = LAST.replace("'heat'", f"'{name}'")
        await plant.store.database.write(lambda tx, row=row, sql=sql: tx.execute_sql(sql, row))
    body = {"deviceIds": [pump, fan], "options": {"includeDate": False}, "start": 1, "end": 9}

    await plant.ended("POST", "/data/export", body)
    await plant.ended("POST", "/data/export", {**body, "attributes": ["raw"]})
    body["options"]["includeBlobData"] = True
    await plant.ended("POST", "/data/export", body)

    without, named, whole = [each.decode().splitlines() for each in plant.blobs.objects.values()]
    assert without == ['"ID","Timestamp","heat","note","raw"', f"{pump},6,1,,", f"{fan},5,,,3"]
    assert named[1:] == [f'{pump},5,"long"', f'{pump},6,"long"', f"{fan},5,3"]
    assert whole[1:] == [f'{pump},5,,,"long"', f'{pump},6,1,,"long"', f"{fan},5,,,3"]


async def test_lists_and_rows_are_exported(plant, monkeypatch):
    monkeypatch.setattr("drover.app.export_sources.PAGE", 2)
    for number in range(3):
        await plant.device(name=f"d{number}")
    await plant.do("POST", "/events", {"level": "info", "subject": "s"})
    columns = [{"name": "serial", "dataType": "string", "constraint": "optional"}]
    table = (await plant.do("POST", "/data-tables", {"name": "T", "columns": columns}))[1]["id"]
    rows = f"/data-tables/{table}/rows"
    await plant.do("POST", rows, [{"serial": str(number)} for number in range(4)])

    await plant.ended("POST", "/devices/export")
    await plant.ended("POST", "/events/export", {"format": "json", "excludeUpdates": True})
    options = {"sortColumn": "serial", "sortDirection": "desc", "limit": 3, "offset": 1}
    await plant.ended("POST", f"{rows}/export", {"queryOptions": options})
    await plant.ended("POST", f"{rows}/export", {"query": {"serial": "2"}})
    gone = await plant.do("POST", f"/data-tables/{'0' * 24}/rows/export", {})

    devices_csv, events_json, some, one = [each.decode() for each in plant.blobs.objects.values()]
    assert len(devices_csv.splitlines()) == 4
    assert [each["subject"] for each in json.loads(events_json)] == ["s"]
    assert [line.rpartition(",")[2] for line in some.splitlines()[1:]] == ['"2"', '"1"', '"0"']
    assert len(one.splitlines()) == 2
    assert gone[0] == 404


async def test_data_of_each_device_is_a_file_of_its_own_where_that_is_asked_for(plant):
    pump, fan = await plant.device(), await plant.device(name="fan")
    await plant.report(pump, (5, "heat", 1), (6, "heat", 2))
    await plant.report(fan, (5, "heat", 3))

    body = {"deviceIds": [pump, fan], "attributes": ["heat"], "options": {"filePerDevice": True}}
    log = await plant.ended("POST", "/data/export", body)

    (packed,) = plant.blobs.objects.values()
    with zipfile.ZipFile(io.BytesIO(packed)) as found:
        texts = {name: found.read(name).decode().splitlines() for name in found.namelist()}
    head = '"ID","Timestamp","ISO Date","heat"'
    day = "1970-01-01T00:00:00.00"
    assert texts == {
        f"{pump}.csv": [head, f"{pump},5,{day}5Z,1", f"{pump},6,{day}6Z,2"],
        f"{fan}.csv": [head, f"{fan},5,{day}5Z,3"],
    }
    assert log["output"]["rows"] == 3


async def test_spans_may_be_relative_to_now(plant):
    pump = await plant.device()
    now_ms = await plant.store.read(lambda session: session.now_ms())
    await plant.report(pump, (5, "heat", 1), (now_ms - 60_000, "heat", 2))

    body = {"deviceIds": [pump], "start": -3_600_000, "end": 0}
    await plant.ended("POST", "/data/export", body)
    await plant.ended("POST", "/devices/removeData", {"query": {"id": pump}, "start": -3_600_000})
    await plant.ended("POST", f"/devices/{pump}/export?start=1")

    hour, left = (each.decode().splitlines()[1:] for each in plant.blobs.objects.values())
    assert [line.split(",")[1] for line in hour] == [str(now_ms - 60_000)]
    assert [line.split(",")[0] for line in left] == ["5"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/data/export", {}),
        ("/data/export", {"deviceQuery": {"no": 1}}),
        ("/data/export", {"deviceIds": ["x"]}),
        ("/data/export", {"deviceQuery": {}, "start": 9, "end": 8}),
        ("/devices/export", {"query": {"no": 1}}),
        ("/devices/export", {"callbackUrl": "ftp://x"}),
        ("/events/export", {"format": "xml"}),
        ("/devices/removeData", {}),
        ("/devices/removeData", {"query": {}, "start": 9, "end": 8}),
        ("/devices/removeData", {"query": {"no": 1}}),
    ],
)
async def test_what_cannot_be_asked_is_refused(plant, path, body):
    assert (await plant.do("POST", path, body))[0] == 400
    assert (await plant.do("GET", "/jobLogs"))[1]["totalCount"] == 0


async def test_an_export_of_too_many_devices_is_refused(plant, monkeypatch):
    monkeypatch.setattr(exports, "_MOST_DEVICES", 1)
    for name in ("a", "b"):
        await plant.device(name=name)

    assert (await plant.do("POST", "/data/export", {"deviceQuery": {}}))[0] == 400


async def test_many_are_changed_by_jobs_and_few_at_once(plant, monkeypatch):
    pump, fan = await plant.device(), await plant.device(name="fan")
    await plant.report(pump, (5, "heat", 1), (5, "note", "a"), (6, "heat", 2))
    tag = {"operation": "set", "target": "tag", "value": {"key": "k", "value": "v"}}
    everything = {"query": {}}
    few = await plant.do("PATCH", "/devices", {**everything, "updateOperations": [tag]})
    monkeypatch.setattr(_jobs, "AT_ONCE", 1)

    patched = await plant.ended(
        "PATCH", "/devices", {"deviceIds": [pump, fan], "updateFields": {"description": "x"}}
    )
    chosen = {"query": {"id": pump}, "start": 5, "end": 5, "attributes": ["heat"]}
    forgotten = await plant.ended("POST", "/devices/removeData", chosen)
    kept = {**everything, "keepCommandHistory": True}
    emptied = await plant.ended("POST", "/devices/removeData", kept)
    deleted = await plant.ended("POST", "/devices/delete", everything)
    restored = await plant.ended("POST", "/devices/restore", everything)

    assert few == (200, {"updated": 2, "failed": 0, "skipped": 0})
    assert patched["output"] == {"updated": 2, "failed": 0, "skipped": 0}
    assert (forgotten["output"], emptied["output"]) == ({"removed": 1}, {"removed": 2})
    assert deleted["output"] == {"removed": 2, "failed": 0}
    assert restored["output"] == {"restored": 2, "failed": 0}
    assert (await plant.do("GET", "/devices"))[1]["totalCount"] == 2


async def test_many_events_are_changed_by_jobs(plant, monkeypatch):
    for number in range(2):
        await plant.do("POST", "/events", {"level": "info", "subject": f"s{number}"})
    inline = await plant.do("PATCH", "/events?filterField=subject&filter=s0", {"level": "error"})
    monkeypatch.setattr(_jobs, "AT_ONCE", 1)

    path = "/events?state=new&email=a@example.com"
    patched = await plant.ended("PATCH", path, {"state": "resolved"})
    deleted = await plant.ended("POST", "/events/delete", {"state": "resolved"})

    assert inline == (200, {"success": True})
    assert (patched["output"], patched["input"]["emails"]) == ({"updated": 2}, ["a@example.com"])
    assert deleted["output"] == {"removed": 2}


async def test_job_logs_are_listed(plant):
    for _ in range(2):
        await plant.ended("POST", "/devices/export")

    status, page = await plant.do("GET", "/jobLogs?perPage=1&page=1&sortDirection=desc")
    found = await plant.do("GET", '/jobLogs?query={"status":"completed"}&_links=false')
    queued = await plant.do("GET", '/jobLogs?query={"status":"queued"}')

    assert (status, page["totalCount"], page["count"], page["_type"]) == (
        200,
        2,
        1,
        "applicationJobLogs",
    )
    assert page["items"][0]["_links"]["self"]["href"].endswith(page["items"][0]["id"])
    assert (found[1]["totalCount"], "_links" in found[1]) == (2, False)
    assert (queued[1]["items"], queued[1]["query"]) == ([], {"status": "queued"})
    for query in ("query[status]=x", "query={", 'query={"no":1}', "sortField=no"):
        assert (await plant.do("GET", f"/jobLogs?{query}"))[0] == 400
    assert (await plant.do("GET", f"/jobLogs/{'0' * 24}"))[0] == 404
