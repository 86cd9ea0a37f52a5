"""What is said of a broker of this machine: where it listens, and why it does not start."""

from __future__ import annotations

import socket

import pytest

from drover.config import Settings
from drover.mqtt import needs
from drover.mqtt.accounts import Keyring
from drover.mqtt.broker import Broker, BrokerMissing, Ports, find_binary
from drover.mqtt.fabric import broker_configuration

KEYS = Keyring(b"a key of a test that nobody else has")


async def test_why_a_broker_ends_at_once_is_told_in_its_own_words(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        ports = Ports(host="127.0.0.1", clients=0, mqtt=taken.getsockname()[1])
        broker = Broker(KEYS, ports, tmp_path / "taken", find_binary())

        with pytest.raises(BrokerMissing, match=r"ended at once: .*address already in use"):
            await broker.start()

    unread = Ports(host="127.0.0.1", clients=0, mqtt=0, tls_certificate="absent", tls_key="too")
    with pytest.raises(BrokerMissing, match=r"ended at once: .*absent: no such file"):
        await Broker(KEYS, unread, tmp_path / "unread", find_binary()).start()


async def test_a_broker_listens_on_ipv6(tmp_path):
    ports = Ports(host="::1", clients=0, mqtt=0, websocket=0)
    broker = Broker(KEYS, ports, tmp_path, find_binary())

    await broker.start()
    try:
        for port in (broker.ports.mqtt, broker.ports.websocket):
            socket.create_connection(("::1", port), 60).close()
    finally:
        await broker.stop()


def test_a_broker_elsewhere_listens_to_servers_where_it_listens_to_devices(tmp_path):
    given = {"host": "0.0.0.0", "data_dir": str(tmp_path), "mqtt_port": 1884}  # noqa: S104 - printed, not bound

    printed = broker_configuration(Settings(**given))

    assert 'listen: "0.0.0.0:4222"' in printed
    assert 'listen: "0.0.0.0:1884"' in printed
    assert 'listen: "127.0.0.1:4222"' in broker_configuration(Settings(data_dir=str(tmp_path)))


def test_where_devices_connect_is_told_with_websockets_and_tls():
    plain = Ports(host="127.0.0.1", clients=1, mqtt=2)
    all_of_it = Ports(host="127.0.0.1", clients=1, mqtt=2, websocket=3, tls_certificate="file")

    assert plain.told() == "MQTT port 2"
    assert all_of_it.told() == "MQTT port 2, over websockets on port 3 by TLS"


@pytest.mark.parametrize("version", ["2.12.7", "2.9.30", "1.4.1"])
def test_a_broker_that_is_too_old_is_refused(version):
    with pytest.raises(BrokerMissing, match=f"nats://a is nats-server {version}, and 2.12.8"):
        needs.check_version(version, "nats://a")


@pytest.mark.parametrize("version", ["2.12.8", "2.15.1", "3.0.0-beta", ""])
def test_others_are_taken_and_those_that_do_not_tell(version):
    needs.check_version(version, "nats://a")


def test_a_program_that_is_no_broker_is_told_so(tmp_path):
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)

    with pytest.raises(BrokerMissing, match="is no nats-server"):
        needs.program(str(other))
