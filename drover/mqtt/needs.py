"""What a broker needs of its machine: a program, free ports, files for TLS. Nothing is made."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography import x509

from drover.config import SettingsError
from drover.mqtt.broker import OTHER_PORT, BrokerMissing, find_binary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.mqtt.broker import Ports

OLDEST: Final = (2, 12, 8)
"""The oldest nats-server that devices were seen to work with."""

TELLING_S: Final = 10
"""How long the program may take to tell its version."""

_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def program(wanted: str) -> tuple[str, str]:
    """Return the broker's program and its version. Raises BrokerMissing."""
    binary = find_binary(wanted)
    version = _told_by(binary)
    check_version(version, binary)
    return binary, version


def check_version(version: str, whose: str) -> None:
    """Raise BrokerMissing where a broker is too old; what tells no version is let pass."""
    found = _VERSION.search(version)
    if found and tuple(int(part) for part in found.groups()) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise BrokerMissing(f"{whose} is nats-server {found[0]}, and {oldest} is the oldest to do")


def check_port(host: str, port: int, setting: str) -> None:
    """Raise SettingsError where nothing can listen; a port of 0 is found later."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError(
                f"Devices cannot be listened for on {host} port {port} ({setting}): {reason}"
            ) from error


def check_reachable(urls: Sequence[str]) -> None:
    """Raise SettingsError where none of some brokers that are run elsewhere listens."""
    reasons: list[str] = []
    for url in urls:
        try:
            place = urlsplit(url.strip())
            address = (place.hostname or "", place.port or OTHER_PORT)
            socket.create_connection(address, TELLING_S).close()
        except (OSError, ValueError) as error:
            reasons.append(f"{url.strip()}: {error}")
        else:
            return
    raise SettingsError(f"No broker can be reached (nats): {'; '.join(reasons)}")


def certificate_ends(ports: Ports) -> datetime | None:
    """Return when the certificate for devices ends, None without one. Raises SettingsError."""
    if not ports.tls_certificate:
        if ports.tls_key:
            raise SettingsError("mqtt_tls_key is of no use without mqtt_tls_certificate")
        return None
    if not ports.tls_key:
        raise SettingsError("mqtt_tls_certificate needs its key: mqtt_tls_key")
    _check_pair(ports.tls_certificate, ports.tls_key)
    certificate = x509.load_pem_x509_certificate(Path(ports.tls_certificate).read_bytes())
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= datetime.now(UTC) <= ends:
        raise SettingsError(
            f"{ports.tls_certificate} (mqtt_tls_certificate) is valid from {begins:%Y-%m-%d %H:%M}"
            f" to {ends:%Y-%m-%d %H:%M} UTC, not now"
        )
    return ends


def _check_pair(certificate: str, key: str) -> None:
    """Raise SettingsError where a key is not that of a certificate, or one cannot be read."""
    for setting, file in (("mqtt_tls_certificate", certificate), ("mqtt_tls_key", key)):
        try:
            Path(file).read_bytes()
        except OSError as error:
            raise SettingsError(f"{file} ({setting}) cannot be read: {error.strerror}") from error
    try:
        # a key with a password would be asked for on the terminal, and the broker takes none
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise SettingsError(
            f"{certificate} (mqtt_tls_certificate) and {key} (mqtt_tls_key) are no certificate"
            f" in PEM and its key without a password: {reason}"
        ) from error


def _told_by(binary: str) -> str:
    """Return what a program says that its version is. Raises BrokerMissing."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own program
            [binary, "-v"], capture_output=True, text=True, timeout=TELLING_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerMissing(f"{binary} cannot be run: {error}") from error
    found = _VERSION.search(done.stdout + done.stderr)
    if done.returncode != 0 or found is None:
        raise BrokerMissing(f"{binary} is no nats-server")
    return found[0]
