"""Devices connect with TLS, and over websockets, with a certificate that the configuration names."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drover.mqtt.device import ConnectionEnded, ConnectionRefused, DeviceClient, connect_packet
from examples.serving import serving
from tests.support.field import PATIENCE_S, Site, eventually
from tests.support.free_ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USUAL_S = 2.5
"""Longer than the broker waits for TLS unless it is told otherwise."""


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for this machine that signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2046, 1, 1, tzinfo=UTC))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator:
    certificate, secret = make_certificate(tmp_path_factory.mktemp("tls"))
    websocket_port = free_port()
    settings = {
        "roles": "api,mqtt",
        "workers": 1,
        "script_workers": 1,
        "mqtt_tls_certificate": certificate,
        "mqtt_tls_key": secret,
        "mqtt_websocket_port": websocket_port,
    }
    with serving(**settings) as server:
        trusted = ssl.create_default_context(cafile=str(certificate))
        yield Site.new(server), trusted, websocket_port, certificate


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
async def test_a_device_reports_and_is_told_over_a_secure_line(world, transport):
    site, trusted, websocket_port, _ = world
    device_id, (key, secret) = site.device(), site.key
    port = site.address[1] if transport == "tcp" else websocket_port

    async with aiomqtt.Client(
        "127.0.0.1",
        port,
        identifier=device_id,
        username=key,
        password=secret,
        tls_context=trusted,
        transport=transport,
        timeout=60,
    ) as client:
        await client.subscribe(f"losant/{device_id}/command")
        await client.publish(f"losant/{device_id}/state", '{"data": {"level": 3}}', qos=1)
        site.post(f"devices/{device_id}/command", {"name": "open"})
        message = await anext(aiter(client.messages))

    assert json.loads(message.payload)["name"] == "open"
    kept = await eventually(lambda: site.get(f"devices/{device_id}/compositeState"))
    assert kept["level"]["value"] == 3


async def test_a_device_that_speaks_in_the_clear_is_not_let_in(world):
    site, _, _, _ = world

    with pytest.raises((ConnectionEnded, ConnectionRefused)):
        await DeviceClient.connect(site.address, site.device(), site.key)


def simulation(site: Site, *flags: str) -> dict[str, Any]:
    """Return how two devices of a world are simulated."""
    command = [sys.executable, "-m", "drover.main", "simulate", "2", *flags]
    command += ["--application", site.application_id, "--mqtt-port", str(site.address[1])]
    login = {"DROVER_URL": site.serving.url, "DROVER_TOKEN": str(site.serving.client.token)}
    return {"args": command, "env": os.environ | login, "text": True}


async def test_a_simulated_fleet_connects_by_tls(world):
    site, _, _, certificate = world
    own = site.device()
    flags = (
        "--tls-ca",
        str(certificate),
        "--report-seconds",
        "0.2",
        "--query",
        f'{{"id": "{own}"}}',
    )

    with subprocess.Popen(**simulation(site, *flags)) as fleet:  # noqa: ASYNC220 - it starts once
        try:
            await eventually(lambda: site.get(f"devices/{own}/compositeState"))
        finally:
            fleet.terminate()

    assert fleet.returncode == 0


def test_a_simulated_fleet_is_told_what_keeps_it_from_tls(world, tmp_path):
    site, *_ = world
    site.device()
    other, _ = make_certificate(tmp_path)

    for flags, told in (
        (("--seconds", "1"), "--tls?"),
        (("--tls",), "CERTIFICATE_VERIFY_FAILED"),
        (("--tls-ca", str(other)), "CERTIFICATE_VERIFY_FAILED"),
        (("--tls-ca", "absent"), "absent (--tls-ca) is no certificate"),
    ):
        done = subprocess.run(
            **simulation(site, *flags), capture_output=True, timeout=60, check=False
        )

        assert done.returncode == 1
        assert told in done.stderr


async def test_a_slow_line_has_time_to_become_secure(world):
    site, trusted, _, _ = world
    device_id = site.device()
    reader, writer = await asyncio.open_connection(*site.address)
    await asyncio.sleep(USUAL_S)

    await writer.start_tls(trusted, server_hostname="127.0.0.1")
    writer.write(connect_packet(device_id, *site.key))

    assert (await reader.readexactly(4))[3] == 0
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("said", [b"", b"GET /mqtt HTTP/1.1\r\nHost: here\r\n"])
async def test_who_does_not_begin_is_cut_off_on_the_port_of_websockets_too(said):
    port = free_port()
    settings = {"roles": "api,mqtt", "workers": 1, "script_workers": 1}
    with serving(**settings, mqtt_websocket_port=port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)

        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
