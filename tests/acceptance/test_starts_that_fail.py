"""What an operator reads where a server cannot run as it is asked to, and what is left then."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.free_ports import free_port

pytestmark = pytest.mark.processes_measured

PATIENCE_S = 120


@pytest.fixture
def taken():
    """A port of the loopback at which somebody else listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        yield holder.getsockname()[1]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DROVER_")}
    return subprocess.run(
        [sys.executable, "-m", "drover.main", *arguments],
        env=clean | environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def serve(folder, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    asked = {"--port": "0", "--mqtt-port": "0", **dict(zip(*[iter(arguments)] * 2, strict=True))}
    flags = [part for pair in asked.items() for part in pair]
    return run("serve", "--data-dir", str(folder), *flags, **environ)


def is_one_line(done: subprocess.CompletedProcess[str], *words: str) -> bool:
    """Tell whether a command ended with one line that has some words, and with status 1."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(lines) == 1, done.stderr
    return all(word in lines[0] for word in words)


def pair(folder, name: str, *, ended_days_ago: int = -30):
    """Return the files of a new certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    ends = datetime.now(UTC) - timedelta(days=ended_days_ago)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=60))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return tuple(map(str, files))


def test_a_port_that_is_taken_is_named_and_nothing_is_made(tmp_path, taken):
    folder = tmp_path / "data"

    assert is_one_line(serve(folder, "--port", str(taken)), f"127.0.0.1 port {taken}", "in use")
    assert is_one_line(serve(folder, "--mqtt-port", str(taken)), f"{taken} (mqtt_port)", "in use")
    done = serve(folder, DROVER_MQTT_WEBSOCKET_PORT=str(taken))
    assert is_one_line(done, f"{taken} (mqtt_websocket_port)", "in use")
    assert not folder.exists()


def test_an_address_that_is_not_this_machines_is_named(tmp_path):
    assert is_one_line(serve(tmp_path / "data", "--host", "192.0.2.1"), "192.0.2.1")
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("here before")

    assert is_one_line(serve(file), str(file), "data_dir", "no folder")
    assert is_one_line(serve(file / "below"), str(file), "data_dir")


def test_a_url_of_a_database_that_cannot_be_read_is_told_without_its_password(tmp_path):
    for url in ("mysql://u:sesame@h/x", "postgresql://u:ses/ame@h/x", "postgresql://u@[h/x"):
        done = serve(tmp_path / "data", "--database", url)

        assert is_one_line(done, "postgresql://USER:PASSWORD@HOST:PORT/NAME")
        assert "sesame" not in done.stderr
        assert "'ses'" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_files_for_tls_that_are_of_no_use_are_named_and_nothing_is_made(tmp_path):
    good, other = pair(tmp_path, "good"), pair(tmp_path, "other")
    ended = pair(tmp_path, "ended", ended_days_ago=1)
    absent = str(tmp_path / "absent")

    for (certificate, key), words in (
        ((absent, good[1]), (f"{absent} (mqtt_tls_certificate)",)),
        ((good[0], absent), (f"{absent} (mqtt_tls_key)",)),
        ((good[0], ""), ("needs its key",)),
        (("", good[1]), ("no use without mqtt_tls_certificate",)),
        ((good[0], other[1]), (good[0], other[1], "MISMATCH")),
        ((good[1], good[1]), (good[1], "no certificate")),
        (ended, (ended[0], "valid from", "not now")),
    ):
        done = serve(
            tmp_path / "data", DROVER_MQTT_TLS_CERTIFICATE=certificate, DROVER_MQTT_TLS_KEY=key
        )

        assert is_one_line(done, *words), done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("public_url", "fleet.example"), ("mqtt_topics", "jobs,#"), ("blobs", "s3://")],
)
def test_a_setting_that_makes_no_sense_is_named(tmp_path, name, value):
    done = serve(tmp_path / "data", **{f"DROVER_{name.upper()}": value})

    assert is_one_line(done, name)


def test_brokers_elsewhere_that_are_away_end_the_start(tmp_path):
    url = f"nats://127.0.0.1:{free_port()}"

    done = serve(tmp_path / "data", "--nats", url, DROVER_LOG_LEVEL="error")

    assert is_one_line(done, url, "(nats)", "refused")


def test_a_password_that_is_made_is_shown_though_the_first_start_failed(tmp_path):
    folder = tmp_path / "data"

    assert "no_such_module" in serve(folder, "--handlers", "no_such_module").stderr
    command = [sys.executable, "-m", "drover.main", "serve", "--roles", "api", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(folder)], stdout=subprocess.PIPE, text=True
    ) as again:
        greeting = [again.stdout.readline() for _ in range(3)]
        again.terminate()

    assert re.match(r"Password +\S+", greeting[2])


def test_a_broker_that_cannot_be_started_is_told_with_the_reason(tmp_path):
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho nats-server: v2.10.26\n")
    old.chmod(0o755)
    for program, reason in ((old, "2.10.26"), (tmp_path / "absent", "is not installed")):
        done = run("doctor", "--data-dir", str(tmp_path / "d"), DROVER_NATS_SERVER=str(program))

        assert done.returncode == 1
        assert reason in done.stdout
        assert str(program) in done.stdout


def test_the_doctor_finds_all_that_is_wrong_and_leaves_nothing(tmp_path, taken):
    ended = pair(tmp_path, "ended", ended_days_ago=1)
    before = sorted(tmp_path.iterdir())

    done = run(
        "doctor",
        *("--data-dir", str(tmp_path / "data"), "--port", str(taken), "--mqtt-port", str(taken)),
        DROVER_MQTT_TLS_CERTIFICATE=ended[0],
        DROVER_MQTT_TLS_KEY=ended[1],
    )

    assert done.returncode == 1
    assert "durable" in done.stdout
    assert re.search(rf"listen on 127.0.0.1 port {taken}: .*in use", done.stdout)
    assert f"port {taken} (mqtt_port)" in done.stdout
    assert "not now" in done.stdout
    assert sorted(tmp_path.iterdir()) == before


def test_the_doctor_finds_nothing_wrong_with_good_settings(tmp_path):
    good = pair(tmp_path, "good")

    done = run(
        "doctor",
        *("--data-dir", str(tmp_path / "data"), "--port", "0", "--mqtt-port", "0"),
        DROVER_MQTT_TLS_CERTIFICATE=good[0],
        DROVER_MQTT_TLS_KEY=good[1],
    )

    assert done.returncode == 0, done.stdout
    assert "A server can run here" in done.stdout
    assert "valid to" in done.stdout


def test_the_doctor_does_not_bring_a_store_up_to_date(empty_postgres_url):
    asked = ("doctor", "--port", "0", "--mqtt-port", "0", "--database", empty_postgres_url)

    first, second = run(*asked), run(*asked)

    assert first.returncode == 0, first.stdout
    assert re.search(r"migrations_to_come = [1-9]", first.stdout)
    assert second.stdout == first.stdout
