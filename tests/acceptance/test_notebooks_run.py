"""Notebooks run on a real server, by the vendor's client: inputs, outputs, logs, minutes."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from losant_rest import Client

from examples.serving import serving
from tests.support.vendor import PASSWORD, Vendor, keep, node, refused, signed_in, trigger, until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.processes_measured

PATIENCE_S = 120
ENDED = {"completed", "errored", "timeout", "canceled"}

SUMS = """
import csv, json
devices = list(csv.DictReader(open("devices.csv")))
state = list(csv.DictReader(open("state.csv")))
rows = list(csv.DictReader(open("rows.csv")))
events = json.load(open("events.json"))
total = sum(float(row["t"]) for row in state)
with open("sums.csv", "w") as file:
    file.write(f"what,total\\nstate,{total}\\n=odd,{len(rows) + len(events)}\\n")
import os
os.makedirs("pictures/deep")
for name in ("pictures/a.txt", "pictures/deep/b.txt"):
    open(name, "w").write(name)
print(len(devices), "devices", devices[0]["name"])
"""


def notebook(*cells: str) -> bytes:
    """A notebook of some cells of Python."""
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {},
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{at}",
                    "execution_count": None,
                    "metadata": {},
                    "outputs": [],
                    "source": cell,
                }
                for at, cell in enumerate(cells)
            ],
        }
    ).encode()


@pytest.fixture(scope="module")
def signed() -> Iterator[Client]:
    quick = {"heartbeat_seconds": 0.5, "sweep_seconds": 0.5}
    bounds = {"notebook_memory_mb": 1024, "notebook_disk_mb": 20, "notebook_minutes": 5}
    lean = {"workers": 1, "script_workers": 1, "admin_password": PASSWORD}
    with serving(**quick, **bounds, **lean) as running:
        yield signed_in(running.url)


@pytest.fixture
def world(signed: Client) -> Vendor:
    made = signed.applications.post(application={"name": "Plant"})
    return Vendor(signed, signed.url, made["id"])


def made(world: Vendor, content: bytes, **fields: Any) -> dict[str, str]:
    """Make a notebook with its file and return how calls name it."""
    kept = world.client.notebooks.post(**world.key, notebook={"name": "Sums", **fields})
    answer = world.raw(
        "POST", f"/notebooks/{kept['id']}/upload", files={"jupyterFile": ("sums.ipynb", content)}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["jupyterFileName"] == "sums.ipynb"
    return {**world.key, "notebookId": kept["id"]}


def run(world: Vendor, one: dict[str, str], **options: Any) -> dict[str, Any]:
    """Run a notebook and return what its log says in the end."""
    begun = world.client.notebook.execute(**one, executionOptions=options)
    assert begun["success"] is True
    return ended(world, one, begun["executionId"])


def ended(world: Vendor, one: dict[str, str], run_id: str) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        (log,) = world.client.notebook.logs(**one)
        assert log["id"] == run_id
        if log["status"] in ENDED:
            return log
        time.sleep(0.1)
    raise AssertionError(f"it did not end: {log}")


@pytest.fixture
def given(world) -> tuple[str, list[dict[str, Any]]]:
    """Devices, events and rows; the inputs made of them, and a table for what comes out."""
    client, key = world.client, world.key
    tags = [{"key": "k", "value": "v"}]
    attributes = [{"name": "t", "dataType": "number"}]
    body = {"name": "Pump", "attributes": attributes, "tags": tags}
    device = client.devices.post(**key, device=body)
    now_ms = int(time.time() * 1000)
    states = [{"time": now_ms - each * 1000, "data": {"t": each}} for each in (1, 2, 4)]
    client.device.send_state(**key, deviceId=device["id"], deviceState=states)
    client.events.post(**key, event={"level": "info", "subject": "x"})
    source = world.table(("n", "number", "optional"))
    client.data_table_rows.post(**source, dataTableRow=[{"n": 1}, {"n": 2}])
    target = world.table(("what", "string", "optional"))
    client.data_table_rows.post(**target, dataTableRow={"what": "old"})
    tagged = {"deviceTags": [{"key": "k", "value": "{{wanted}}"}]}
    inputs = [
        {"inputType": "deviceMetadata", "fileName": "devices.csv", **tagged},
        {
            "inputType": "deviceData",
            "fileName": "state.csv",
            **tagged,
            "start": -3_600_000,
            "end": 0,
        },
        {"inputType": "dataTable", "fileName": "rows.csv", "dataTableId": source["dataTableId"]},
        {"inputType": "eventData", "fileName": "events.json", "format": "json"},
    ]
    return target["dataTableId"], inputs


def test_a_notebook_reads_what_the_application_holds_and_its_results_are_kept(world, given):
    client, key = world.client, world.key
    table, inputs = given
    folder = {"destinationDirectoryTemplate": "/out/{{notebook.name}}"}
    outputs = [
        {"outputType": "executionResult", "fileName": "result.ipynb", **folder},
        {"outputType": "executionResult", "fileName": "result.log", **folder},
        {"outputType": "executionResult", "fileName": "result.html"},
        {
            "outputType": "dataTable",
            "fileName": "sums.csv",
            "dataTableId": "{{ctx.table}}",
            "createMissingColumns": True,
            "truncateExistingTable": True,
        },
        {
            "outputType": "file",
            "fileName": "sums.csv",
            "destinationFileNameTemplate": "sums.csv",
            "destinationPrivate": True,
        },
        {"outputType": "directory", "directoryName": "pictures", **folder},
        {"outputType": "temporaryUrl", "fileName": "sums.csv"},
    ]
    one = made(world, notebook(SUMS), inputs=inputs, outputs=outputs)
    context = json.dumps({"wanted": "v", "table": table})

    log = run(world, one, templateContext=context)

    assert (log["status"], log["executionErrors"]) == ("completed", [])
    assert set(log["inputInfo"]) == {"devices.csv", "state.csv", "rows.csv", "events.json"}
    assert all(each["size"] > 0 for each in log["inputInfo"].values())
    rows = client.data_table_rows.get(**key, dataTableId=table)["items"]
    assert [(row["what"], row["total"]) for row in rows] == [("state", 7), ("=odd", 3)]
    files = {each["name"]: each for each in client.files.get(**key, directory="/out/Sums")["items"]}
    assert {each["authorType"] for each in files.values()} == {"notebook"}
    assert set(files) == {"result.ipynb", "result.log", "a.txt", "deep"}
    assert httpx.get(files["result.log"]["url"]).text == "1 devices Pump\n"
    ran = httpx.get(files["result.ipynb"]["url"]).json()
    assert ran["cells"][0]["outputs"][0]["text"] == ["1 devices Pump\n"]
    page = httpx.get(log["outputInfo"]["result.html"]["url"])
    assert "1 devices Pump" in page.text
    assert "sums.csv" in log["outputInfo"]
    (private,) = client.private_files.get(**key)["items"]
    assert "state,7" in httpx.get(private["url"]).text
    assert log["inputsCompletedAt"] <= log["notebookCompletedAt"] <= log["outputsCompletedAt"]


def test_a_run_is_a_job_beside_all_others_and_its_minutes_count(world):
    one = made(world, notebook("print('hello')"))

    log = run(world, one)

    (job,) = world.client.application_job_logs.get(**world.key)["items"]
    assert (job["id"], job["name"], job["status"]) == (log["id"], "NotebookExecution", "completed")
    assert (job["resourceType"], job["resourceId"]) == ("notebook", one["notebookId"])
    assert log["sourceType"] == "user"
    assert log["maxAllowedRunMinutes"] == 5
    for counts in (
        world.client.notebook.notebook_minute_counts(**one),
        world.client.application.notebook_minute_counts(**world.key),
    ):
        today = counts["counts"][-1]
        assert (today["minutes"], today["completed"], today["errored"]) == (1, 1, 0)
    shown = world.client.notebook.get(**one)
    assert shown["stats"] == {"minutesThisPeriod": 1, "runsThisPeriod": 1, "errorsThisPeriod": 0}
    assert httpx.get(shown["jupyterFileUrl"]).content == notebook("print('hello')")
    assert "lastExecutionRequested" in shown


def test_a_workflow_runs_a_notebook_and_another_is_told_of_its_end(world):
    one = made(world, notebook("print('hello')"))
    asks = node(
        "ask", "NotebookExecuteNode", notebookIdTemplate=one["notebookId"], resultPath="data.run"
    )
    asks["outputIds"] = [["run"]]
    button = world.flow([trigger("virtualButton", "press", "ask")], asks, keep("run", "data.run"))
    ended = world.flow([trigger("notebook", one["notebookId"], "end")], keep("end"))

    world.client.flow.press_virtual_button(**button, button={"key": "press"})

    asked = world.stored(button, "run")["run"]
    told = until(lambda: world.client.flow.get_storage_entries(**ended), lambda kept: "end" in kept)
    payload = told["end"]
    assert asked == {"executionId": payload["data"]["execution"]["id"], "success": True}
    assert payload["data"]["success"] is True
    assert payload["data"]["notebook"]["id"] == one["notebookId"]
    assert payload["data"]["execution"]["status"] == "completed"
    assert payload["triggerId"] == payload["relayId"] == one["notebookId"]
    assert payload["relayType"] == payload["triggerType"] == "notebook"


def test_what_goes_wrong_in_a_cell_is_said_and_kept(world):
    output = {"outputType": "executionResult", "fileName": "result.error.log"}
    absent = {"outputType": "temporaryUrl", "fileName": "absent"}
    one = made(world, notebook("1 + 1", "1 / 0"), outputs=[output, absent])

    log = run(world, one)

    assert log["status"] == "errored"
    (error,) = log["executionErrors"]
    assert error == {"name": "ZeroDivisionError", "message": "division by zero"}
    text = httpx.get(log["outputInfo"]["result.error.log"]["url"]).text
    assert "ZeroDivisionError" in text
    assert world.client.notebook.notebook_minute_counts(**one)["counts"][-1]["errored"] == 1


def test_a_run_can_be_canceled(world):
    one = made(world, notebook("import time; time.sleep(600)"))
    run_id = world.client.notebook.execute(**one, executionOptions={})["executionId"]

    world.client.notebook.cancel_execution(**one, executionId=run_id)

    assert ended(world, one, run_id)["status"] == "canceled"
    assert world.client.notebook.notebook_minute_counts(**one)["counts"][-1]["canceled"] == 1
    refused(400, "ended", world.client.notebook.cancel_execution, **one, executionId=run_id)
    refused(404, "not found", world.client.notebook.cancel_execution, **one, executionId="0" * 24)


def test_the_input_files_of_a_notebook_can_be_fetched(world):
    world.client.events.post(**world.key, event={"level": "info", "subject": "=1+1"})
    inputs = [{"inputType": "eventData", "fileName": "events.csv"}]
    kept = world.client.notebooks.post(**world.key, notebook={"name": "N", "inputs": inputs})
    one = {**world.key, "notebookId": kept["id"]}

    job = world.client.notebook.request_input_data_export(**one, exportOptions={})

    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        log = world.client.application_job_log.get(**world.key, jobId=job["jobId"])
        if log["status"] == "completed":
            break
        time.sleep(0.1)
    packed = zipfile.ZipFile(io.BytesIO(httpx.get(log["output"]["downloadUrls"][0]).content))
    assert packed.namelist() == ["events.csv"]
    assert '"=1+1"' in packed.read("events.csv").decode()


NOSY = """
import os, socket, subprocess
def tried(what):
    try:
        return repr(what())
    except BaseException as error:
        return type(error).__name__
server = os.getppid()
print(tried(lambda: sorted(name for name in os.environ if "DROVER" in name)))
print(tried(lambda: open("/etc/passwd").read()))
print(tried(lambda: os.listdir("/")))
print(tried(lambda: open(f"/proc/{server}/environ").read()))
print(tried(lambda: open("/tmp/left-behind", "w")))
print(tried(lambda: socket.create_connection(("127.0.0.1", PORT))))
print(tried(lambda: subprocess.run(["/bin/true"])))
print(tried(lambda: os.kill(server, 9)))
print(tried(lambda: os.symlink("/etc/passwd", "out.txt")))
print(tried(lambda: os.listdir(DATA)))
"""


def test_a_notebook_reaches_nothing_of_the_server(world, tmp_path):
    port = world.url.rsplit(":", 1)[1]
    cells = notebook(NOSY.replace("PORT", port).replace("DATA", repr(str(tmp_path))))
    outputs = [
        {"outputType": "executionResult", "fileName": "result.log"},
        {"outputType": "temporaryUrl", "fileName": "out.txt"},
    ]
    one = made(world, cells, outputs=outputs)

    log = run(world, one)

    said = httpx.get(log["outputInfo"]["result.log"]["url"]).text.split()
    assert said[0] == "[]"
    assert all(each.endswith("Error") for each in said[1:]), said
    (error,) = log["executionErrors"]
    assert error["name"] == "NotFound"


def test_what_is_asked_wrongly_is_refused(world):
    client, key = world.client, world.key
    bare = client.notebooks.post(**key, notebook={"name": "Bare"})
    one = {**key, "notebookId": bare["id"]}

    refused(400, "upload one first", client.notebook.execute, **one, executionOptions={})
    for options in ({"templateContext": "["}, {"templateContext": "[]"}, {"relativeTo": "x"}):
        refused(400, "", client.notebook.execute, **one, executionOptions=options)
    where = f"/notebooks/{bare['id']}/upload"
    for content in (b"", b"not JSON", b"[]", b'{"cells": 1}'):
        answer = world.raw("POST", where, files={"jupyterFile": ("n.ipynb", content)})
        assert answer.status_code == 400
    assert world.raw("POST", where, files={"other": b"{}"}).status_code == 400
    unsigned = f"{world.url}/notebook-files/{world.application}/{bare['id']}"
    assert httpx.get(f"{unsigned}?expires=1&signature=x").status_code == 403
    made(world, b'{"cells": [], "nbformat": 99}')


def test_outputs_that_cannot_be_taken_are_said_each(world):
    outputs = [
        {"outputType": "executionResult", "fileName": "result.pdf"},
        {"outputType": "temporaryUrl", "fileName": "absent"},
        {"outputType": "temporaryUrl", "fileName": "{{evil}}"},
        {"outputType": "temporaryUrl", "fileName": "there"},
    ]
    one = made(world, notebook("open('there', 'w').write('x')"), outputs=outputs)

    log = run(world, one, templateContext='{"evil": "../notebook.ipynb"}')

    assert log["status"] == "errored"
    assert [each["name"] for each in log["executionErrors"]] == [
        "Validation", "NotFound", "Validation"
    ]  # fmt: skip
    assert httpx.get(log["outputInfo"]["there"]["url"]).text == "x"
