"""The vendor's MQTT client and REST client, both unchanged, work together through one server."""

from __future__ import annotations

import asyncio
import json
import queue
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from losant_rest import Client

from examples.serving import serving
from tests.conftest import created

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent.parent
PYTHON = ROOT / ".cache" / "vendor-mqtt" / "bin" / "python"
SCRIPT = ROOT / "tests" / "support" / "vendor_device.py"
PATIENCE_S = 90
HELLO = "hello"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="losant-mqtt is not installed: run tools/prepare_tests.py"
)


class Device:
    """The vendor's device as a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.listens = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            said = json.loads(line)
            if said.get("command") == HELLO:
                self.listens.set()
            else:
                self._lines.put(said)

    def says(self) -> dict[str, Any]:
        return self._lines.get(timeout=PATIENCE_S)

    def report(self, **state: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(state)}\n")
        self._process.stdin.flush()


class Field:
    """An application with one device, and the vendor's REST client to look at it with."""

    def __init__(self, running) -> None:
        self.running = running
        self.client = Client(auth_token=running.client.token, url=running.url)
        made = self.client.applications.post(application={"name": "Field"})
        self.of = {"applicationId": made["id"]}
        self.device = self.client.devices.post(
            **self.of,
            device={
                "name": "pump",
                "tags": [{"key": "fleet", "value": "x"}],
                "attributes": [
                    {"name": "level", "dataType": "number"},
                    {"name": "done", "dataType": "string"},
                ],
            },
        )["id"]
        self.one = {**self.of, "deviceId": self.device}
        key = self.client.application_keys.post(**self.of, applicationKey={})
        self.key = (key["key"], key["secret"])

    @contextmanager
    def connected(self) -> Iterator[Device]:
        arguments = [str(self.running.mqtt_port), self.device, *self.key]
        with subprocess.Popen(
            [str(PYTHON), "-W", "ignore", str(SCRIPT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            device = Device(process)
            try:
                assert device.says() == {"connected": True}
                eventually(lambda: self.greets(device))
                yield device
            finally:
                process.kill()

    def greets(self, device: Device) -> bool:
        """Whether a command reaches the device: it subscribes after it says to be connected."""
        self.client.device.send_command(**self.one, deviceCommand={"name": HELLO})
        return device.listens.wait(timeout=1)


def eventually(look: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def field(request: pytest.FixtureRequest) -> Iterator[Field]:
    settings: dict[str, object] = {"sweep_seconds": 0.5, "workers": 1, "script_workers": 1}
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        settings["database"] = asyncio.run(created(server, "vendors_together"))
    with serving(roles="api,engine,scheduler,mqtt", **settings) as running:
        yield Field(running)


def test_state_comes_in_and_a_command_goes_out(field):
    with field.connected() as device:
        device.report(level=4.5)

        def stored() -> bool:
            states = field.client.device.get_state(**field.one, limit=100)
            return {"level": 4.5} in [state["data"] for state in states]

        eventually(stored)
        field.client.device.send_command(
            **field.one, deviceCommand={"name": "open", "payload": {"by": 2}}
        )

        assert device.says() == {"command": "open", "payload": {"by": 2}}

        def connected() -> bool:
            shown = field.client.device.get(**field.one)
            return bool(shown["connectionInfo"]["connected"] == 1)

        eventually(connected)


def test_a_command_that_a_person_publishes_reaches_the_device(field):
    command = {"topic": f"losant/{field.device}/command", "message": '{"name": "shut"}'}
    with field.connected() as device:
        answer = field.client.application.mqtt_publish_message(**field.of, payload=command)

        assert answer == {"success": True}
        assert device.says()["command"] == "shut"


def test_what_a_device_reports_is_streamed(field):
    path = f"/applications/{field.of['applicationId']}/devices/{field.device}/stateStream"
    told: queue.Queue[tuple[str, Any]] = queue.Queue()

    def watch() -> None:
        for event in field.running.client.events(path):
            told.put(event)
            return

    threading.Thread(target=watch, daemon=True).start()
    with field.connected() as device:

        def seen() -> Any:
            device.report(level=7)
            try:
                return told.get(timeout=1)
            except queue.Empty:
                return None

        name, event = eventually(seen)

    assert name == "deviceState"
    assert event["data"] == {"level": 7}


def test_a_devices_reply_acknowledges_the_iteration_of_a_job(field):
    job = field.client.resource_jobs.post(
        **field.of, resourceJob={"name": "restart", "resourceType": "device"}
    )["id"]
    command = {
        "deviceIdsPath": "data.device.deviceId",
        "nameTemplate": "restart",
        "payloadTemplate": '{"iterationId": "{{data.iterationId}}"}',
    }
    acknowledge = {"successExpression": "true", "iterationIdPath": "data.done"}
    field.client.flows.post(
        **field.of,
        flow={
            "name": "restarts",
            "triggers": [
                {"type": "resourceJobIteration", "key": job, "outputIds": [["tell"]]},
                {
                    "type": "deviceTag",
                    "key": "fleet/x",
                    "config": {"attributeWhitelist": ["done"]},
                    "outputIds": [["end"]],
                },
            ],
            "nodes": [
                {
                    "id": "tell",
                    "type": "DeviceSendCommandNode",
                    "config": command,
                    "meta": {"deviceSelectionType": "payload"},
                    "outputIds": [[]],
                },
                {
                    "id": "end",
                    "type": "ResourceJobAcknowledgeNode",
                    "config": acknowledge,
                    "outputIds": [[]],
                },
            ],
        },
    )
    of_job = {**field.of, "resourceJobId": job}
    with field.connected() as device:
        field.client.resource_job.execute(**of_job, executionOptions={})

        def ended() -> Any:
            logs = field.client.resource_job.logs(**of_job, limit=1)
            return logs if logs and logs[0]["status"] == "completed" else None

        (entry,) = eventually(ended)
        assert device.says()["command"] == "restart"

    assert entry["executionSummary"]["succeeded"] == 1


def test_a_wrong_secret_is_refused_as_the_client_expects(field):
    arguments = [str(field.running.mqtt_port), field.device, field.key[0], "wrong"]
    with subprocess.Popen(
        [str(PYTHON), "-W", "ignore", str(SCRIPT), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _, error = process.communicate(timeout=PATIENCE_S)

    assert "Invalid Losant credentials" in error
