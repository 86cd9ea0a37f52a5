"""What is secret is neither in the log, nor in the database, nor readable by other accounts."""

from __future__ import annotations

import base64
import csv
import io
import re
import stat
import time
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.acceptance.abuse_server import storming
from tests.support.abuse_world import PASSWORD, ended

pytestmark = pytest.mark.slow


FORMULA_SIGNS = "=+-@\t\r"


@pytest.fixture(scope="module")
def storm():
    with storming(log_level="debug") as running:
        yield running


def test_secrets_are_neither_logged_nor_stored_as_they_are(storm):
    wire, application = storm.victim.wire, storm.victim.values["applicationId"]
    base = f"/applications/{application}"
    token = wire.send("POST", f"{base}/tokens", {"name": "s", "scope": ["all.Application"]})
    key = wire.send("POST", f"{base}/keys", {"name": "s"})
    own = wire.send("POST", "/me/keys", {"name": "s"})
    device = wire.send("POST", f"{base}/devices", {"name": "s"})["id"]
    signing = {"deviceId": device, "key": key["key"], "secret": key["secret"]}
    as_device = wire.send("POST", "/auth/device", signing)["token"]
    secret = {
        "password": PASSWORD,
        "token of a user": wire.token,
        "token of an application": token["token"],
        "secret of an access key": key["secret"],
        "token of a device": as_device,
        **{f"key of a user, {name}": text for name, text in own.items() if is_secret(name, text)},
    }
    for name, text in secret.items():
        encoded = base64.b64encode(f"x:{text}".encode()).decode()
        for headers in (
            {"Authorization": f"Basic {encoded}"},
            {"Cookie": f"session={text}"},
            {"X-Api-Key": text},
        ):
            wire.ask(
                "GET", f"/me?token={quote(text)}&userkey={quote(text)}", None, headers, token=None
            )
        wire.ask("GET", "/me", token=text)
        wire.ask(
            "POST", "/auth/user", b'{"email": "a@example.com", "password": "%b"' % text.encode()
        )
        wire.ask("POST", "/nothing", text.encode(), {"X-User-Key": text}, token=name)

    logged = storm.logged()
    files = [path for path in storm.server.data_dir.rglob("*") if path.is_file()]
    stored = b"".join(path.read_bytes() for path in files if "drover.db" in path.name)

    assert "request" in logged
    assert application.encode() in stored
    assert [name for name, text in secret.items() if text in logged] == []
    assert [name for name, text in secret.items() if text.encode() in stored] == []


def is_secret(name: str, text: object) -> bool:
    return isinstance(text, str) and bool(re.search(r"(?i)secret|userkey|password", name))


def test_keys_the_database_and_what_is_kept_are_for_their_owner_alone(storm):
    folder = storm.server.data_dir
    keys = list(folder.glob("*.key"))

    assert keys
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_report_opens_for_its_signature_alone_and_no_cell_of_it_is_a_formula(storm):
    tenant = storm.vandal()
    wire, base = tenant.wire, f"/applications/{tenant.values['applicationId']}"
    for name in ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        wire.send("POST", f"{base}/devices", {"name": f"{name}x"})
    job = f"{base}/resource-jobs/{tenant.values['resourceJobId']}"
    execution_id = wire.send("POST", f"{job}/execute", {})["executionId"]
    ended(wire, job, execution_id)
    until = time.monotonic() + 60
    while not (address := reported(wire, job, execution_id)) and time.monotonic() < until:
        time.sleep(0.05)
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}

    good = wire.ask("GET", f"{parts.path}?{parts.query}", token=None)
    other = parts.path.replace(execution_id, storm.victim.values["executionId"])
    later = f"expires={int(query['expires']) + 9}&signature={query['signature']}"
    flipped = f"expires={query['expires']}&signature={query['signature'][::-1]}"
    bad = [
        f"{other}?{parts.query}",
        f"{parts.path}?{later}",
        f"{parts.path}?{flipped}",
        f"{parts.path}?expires={query['expires']}&signature=%ff",
        f"{parts.path}?expires=1&signature={query['signature']}",
        f"{parts.path}?expires=99999999999999999999&signature={query['signature']}",
        f"{parts.path}?expires={query['expires']}&signature=",
    ]
    statuses = {wire.ask("GET", path).status for path in bad}

    assert good.status == 200
    assert statuses <= {400, 403, 404, 410}, statuses
    rows = list(csv.reader(io.StringIO(good.body.decode(), newline="")))
    assert len(rows) == 8
    assert [cell for row in rows for cell in row if cell[:1] in FORMULA_SIGNS and cell] == []


def reported(wire, job, execution_id) -> str:
    found = next(
        each for each in wire.send("GET", f"{job}/logs?limit=50") if each["id"] == execution_id
    )
    return found.get("executionReportUrl") or ""
