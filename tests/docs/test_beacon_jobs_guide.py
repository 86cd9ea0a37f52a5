"""Every command of the guide to beacon jobs runs, in order, against a real server."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

from drover.app.beacons.logs import LONGEST, MOST_BYTES, MOST_LINES
from drover.app.signed_posts import PAUSES_S, signature
from examples.serving import serving
from tests.support.guides import PASSWORD, blocks, ran

PAGE = Path("docs/guides/beacon-jobs.md")


def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    with serving(admin_password=PASSWORD) as server:
        lines = ran(PAGE, server, tmp_path).splitlines()

    answers = [json.loads(line) for line in lines if line.startswith(("{", "["))]
    created, several, shown, tasks, waiting, taken, logged, log, *_ = answers
    assert (created["status"], shown) == ("queued", created)
    assert [job["name"] for job in several] == ["a", "b"]
    assert tasks == created["tasks"] == [{"cmd": "backup"}, {"cmd": "upload"}]
    assert [job["name"] for job in waiting] == ["nightly", "a", "b"]
    assert (taken["name"], taken["worker"], logged["seq"]) == ("a", "box-1", 1)
    assert log[0]["line"] == "it went well"
    told = [line for line in lines if not line.startswith(("{", "["))]
    assert [line for line in told if line] == [
        "complete", "204", "4", "False", "409", "missing_param",
    ]  # fmt: skip


def test_the_signature_is_checked_as_the_guide_says():
    [code] = blocks(PAGE, "python")
    known = {}
    exec(code, known)  # noqa: S102 - the page's own code

    header = signature(b"key", 1000, b"body")

    assert known["is_from_drover"](b"key", header, b"body")
    assert not known["is_from_drover"](b"other", header, b"body")
    assert header.endswith(hmac.new(b"key", b"1000.body", hashlib.sha256).hexdigest())


def test_the_guide_tells_the_limits_in_force():
    page = PAGE.read_text()

    assert f"{LONGEST:,} characters a line, {MOST_LINES:,} lines a log" in page
    assert f"A log keeps {MOST_BYTES // 1024 // 1024} MiB" in page
    assert PAUSES_S == (10, 60, 300, 1800, 7200, 21_600, 43_200)
