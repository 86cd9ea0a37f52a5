"""Simulated devices over real MQTT, to try jobs before the hardware exists."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter
from cyclopts.validators import Number

from drover.cli import _session
from drover.client import ClientError, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.client import Client

GROUP = App(name="simulate", help="Simulated devices over real MQTT.")

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Port = Annotated[int, Parameter(validator=Number(gte=1, lte=65535))]
Seconds = Annotated[float, Parameter(validator=Number(gte=0))]
Share = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]


@GROUP.default
def simulate(  # noqa: PLR0913 - the published flags of this command
    devices: Count = 10,
    *,
    application: str | None = None,
    query: str | None = None,
    mqtt_host: str | None = None,
    mqtt_port: Port = 1883,
    tls: bool = False,
    tls_ca: Path | None = None,
    report_seconds: Seconds = 0.0,
    delay_seconds: Seconds = 0.5,
    failing: Share = 0.0,
    silent: Share = 0.0,
    seconds: Seconds = 0.0,
) -> None:
    """Connect devices of an application; they report, and answer commands on jobs/replies/DEVICE.

    Parameters
    ----------
    devices
        How many, of those that there are.
    application
        Name or id; may be left out when there is one.
    query
        An advanced device query (JSON) that chooses them.
    mqtt_host
        Where the broker listens; the server's host without it.
    mqtt_port
        Port of the broker.
    tls
        Connect by TLS.
    tls_ca
        Connect by TLS to a broker whose certificate is of this authority (a file), or is this one.
    report_seconds
        How often each reports a level; 0 for never.
    delay_seconds
        How long each takes to answer a command.
    failing
        The share, from 0 to 1, of commands answered with "ok": false.
    silent
        The share, from 0 to 1, of commands not answered.
    seconds
        How long to go on; 0 until interrupted.

    """
    from drover.cli import _simulated  # asyncio, which no other command needs

    with _session.connect() as client:
        base = f"/applications/{_session.application(client, application)}"
        found = islice(client.items(f"{base}/devices", query=query), devices)
        ids = [str(item["id"]) for item in found]
        if not ids:
            raise _session.CommandError("The application has no such devices")
        _simulated.make_room(len(ids))
        trusted = _simulated.trusting(tls_ca) if tls or tls_ca else None
        with _access_key(client, f"{base}/keys") as key:
            habits = _simulated.Habits(
                report_s=report_seconds, delay_s=delay_seconds, failing=failing, silent=silent
            )
            host = mqtt_host or urlsplit(_session.server_url()).hostname or "127.0.0.1"
            _simulated.run(ids, (host, mqtt_port), key, habits, seconds, trusted)


@contextmanager
def _access_key(client: Client, path: str) -> Iterator[tuple[str, str]]:
    """Have an access key, which is gone afterwards; somebody may have deleted it meanwhile.

    Raises CommandError where the server is away by then: what stays is told.
    """
    made = client.post(path, {"name": "drover simulate"})
    try:
        yield made["key"], made["secret"]
    finally:
        try:
            client.delete(f"{path}/{made['id']}")
        except ClientError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        except ServerUnreachable as error:
            message = f"{error}. The access key {made['key']} of these devices is left: delete it"
            raise _session.CommandError(message) from error
