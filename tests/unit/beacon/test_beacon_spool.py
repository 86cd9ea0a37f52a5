"""Finished jobs on disk: whole or not there, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from drover.client import BeaconJob
from drover.client.beacon_work import Ending
from drover.workers.beacon.spool import Finished, Spool

URL = "http://127.0.0.1:1"


def finished(job_id=7, url=URL, **ending):
    job = BeaconJob(id=job_id, name="nightly", status="running", worker="w", fence=3)
    return Finished(url=url, job=job, ending=Ending(**ending))


def test_what_was_put_is_read_by_the_next_agent_until_it_is_removed(tmp_path):
    path = Spool(tmp_path).put(finished(results=[{"task": 1}], failed=True, error="no"))
    spool = Spool(tmp_path)

    assert list(spool.waiting(URL)) == [
        (path, finished(results=[{"task": 1}], failed=True, error="no"))
    ]
    spool.remove(path)
    spool.remove(path)
    assert list(spool.waiting(URL)) == []


def test_others_can_read_neither_folder_nor_files(tmp_path):
    spool = Spool(tmp_path / "state" / "beacon")

    path = spool.put(finished())

    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_results_for_another_server_stay_where_they_are(tmp_path):
    spool = Spool(tmp_path)
    paths = [spool.put(finished(number, url="http://127.0.0.1:2")) for number in (1, 2)]

    with capture_logs() as told:
        assert list(spool.waiting(URL)) == []

    assert all(path.exists() for path in paths)
    assert [(each["event"], each["url"], each["count"]) for each in told] == [
        ("results_of_another_server", "http://127.0.0.1:2", 2)
    ]


@pytest.mark.parametrize(
    "content", [b"", b'{"url": "http', b"\xff\xfe", b"[" * 100_000, b'{"url": 1}', b"null"]
)
def test_a_file_that_cannot_be_read_is_set_aside_and_the_others_are_read(tmp_path, content):
    spool = Spool(tmp_path)
    good = spool.put(finished())
    bad = tmp_path / "9-cut.json"
    bad.write_bytes(content)

    found = [path for path, _ in spool.waiting(URL)]

    assert found == [good]
    assert (tmp_path / "broken" / "9-cut.json").read_bytes() == content


def test_a_write_that_broke_off_is_not_taken_for_a_result(tmp_path, monkeypatch):
    spool = Spool(tmp_path)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        spool.put(finished())

    assert list(tmp_path.iterdir()) == []


def test_what_is_refused_is_kept_for_an_operator(tmp_path):
    spool = Spool(tmp_path)
    path = spool.put(finished())

    spool.set_aside(path, "refused")
    spool.set_aside(path, "refused")

    assert [each.name for each in (tmp_path / "refused").iterdir()] == [path.name]
    assert list(spool.waiting(URL)) == []


def test_files_that_vanish_meanwhile_are_passed_over(tmp_path, monkeypatch):
    spool = Spool(tmp_path)
    paths = [spool.put(finished(number)) for number in (1, 2)]
    waiting = spool.waiting(URL)
    first, _ = next(waiting)
    for path in paths:
        path.unlink(missing_ok=True)

    assert first in paths
    assert list(waiting) == []


def test_a_folder_that_nothing_can_be_changed_in_stops_nobody(tmp_path, monkeypatch):
    spool = Spool(tmp_path)
    good = spool.put(finished())
    (tmp_path / "9-cut.json").write_bytes(b"{")

    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    for name in ("mkdir", "unlink", "rename"):
        monkeypatch.setattr(Path, name, read_only)
    with capture_logs() as lines:
        found = [path for path, _ in spool.waiting(URL)]
        spool.remove(good)
        spool.set_aside(good, "refused")

    assert found == [good]
    assert [each["event"] for each in lines] == ["spool_broken", *["spool_stuck"] * 3]
    assert len(list(spool.waiting(URL))) == 1
