"""Devices of a real server: made over HTTP, connected over MQTT."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drover.mqtt.device import ConnectionEnded, ConnectionRefused, DeviceClient

if TYPE_CHECKING:
    from examples.serving import Serving

PATIENCE_S = 60.0


@dataclass
class Site:
    """An application of a running server, with an access key."""

    serving: Serving
    application_id: str
    key: tuple[str, str]
    connected: list[Connected] = field(default_factory=list)
    port: int = 0

    @classmethod
    def new(cls, serving: Serving, **key: Any) -> Site:
        made = serving.client.post("/applications", {"name": "Works"})
        return cls(serving, made["id"], _key(serving, made["id"], key))

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port or self.serving.mqtt_port

    def path(self, rest: str) -> str:
        return f"/applications/{self.application_id}/{rest}"

    def get(self, rest: str, **query: Any) -> Any:
        return self.serving.client.get(self.path(rest), **query)

    def post(self, rest: str, body: Any) -> Any:
        return self.serving.client.post(self.path(rest), body)

    def new_key(self, **more: Any) -> tuple[str, str]:
        return _key(self.serving, self.application_id, more)

    def device(self, **more: Any) -> str:
        attributes = [
            {"name": "level", "dataType": "number"},
            {"name": "note", "dataType": "string"},
        ]
        body = {"name": "pump", "attributes": attributes, **more}
        return str(self.post("devices", body)["id"])

    async def connect(self, device_id: str, key: tuple[str, str] | None = None) -> Connected:
        heard: list[tuple[str, bytes]] = []
        told = asyncio.Event()

        def hear(topic: str, payload: bytes) -> None:
            heard.append((topic, payload))
            told.set()

        client = await DeviceClient.connect(self.address, device_id, key or self.key, hear)
        self.connected.append(Connected(device_id, client, heard, told))
        return self.connected[-1]

    async def connect_again(self, device_id: str) -> Connected:
        """Connect as a device does that was cut off: again and again."""
        async with asyncio.timeout(2 * PATIENCE_S):
            while True:
                with suppress(OSError, ConnectionEnded, ConnectionRefused):
                    return await self.connect(device_id)
                await asyncio.sleep(0.1)

    def levels(self, device_id: str) -> list[int]:
        """Return each level that is kept of a device, as often as it is."""
        lines = self.get(f"devices/{device_id}/state", limit=1000, start=1)
        return sorted(line["data"]["level"] for line in lines)

    async def listens(self, pump: Connected) -> None:
        """Wait until messages start what was saved before: a workflow saved now is started."""
        keep = {"keyName": "heard", "valueType": "template", "value": "yes"}
        node = {"id": "k", "type": "StoreValueNode", "config": keep, "meta": {}, "outputIds": [[]]}
        trigger = {"type": "mqttTopic", "key": "jobs/are/heard", "config": {}, "outputIds": [["k"]]}
        made = self.post("flows", {"name": "listens", "triggers": [trigger], "nodes": [node]})
        async with asyncio.timeout(PATIENCE_S):
            while not self.get(f"flows/{made['id']}/storage"):
                await pump.client.publish("jobs/are/heard", b"")
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        for each in self.connected:
            each.client.close()
        for each in self.connected:
            await each.ends()


@dataclass
class Connected:
    """A device on its connection, and what it heard."""

    id: str
    client: DeviceClient
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def state(self) -> str:
        return f"losant/{self.id}/state"

    @property
    def command(self) -> str:
        return f"losant/{self.id}/command"

    async def hears(self, count: int = 1) -> list[tuple[str, bytes]]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < count:
                self.told.clear()
                await self.told.wait()
        return self.heard

    async def ends(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.client.ended


async def eventually(look: Any) -> Any:
    """Return what a look finds as soon as it finds something."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := look()):
            await asyncio.sleep(0.05)
    return found


def _key(serving: Serving, application_id: str, more: Any) -> tuple[str, str]:
    made = serving.client.post(f"/applications/{application_id}/keys", more)
    return made["key"], made["secret"]
