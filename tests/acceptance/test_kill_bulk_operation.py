"""An operation over many jobs goes on when its server was killed in the middle of it."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, suppress

import psutil
import pytest

from drover.client import ClientError, ServerUnreachable
from examples.serving import serving

JOBS = 40_000
PATIENCE_S = 120
DONE = "SELECT number, succeeded, failed, state FROM execution WHERE kind = 'bulk_cancel'"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def start(folder):
    return serving(
        str(folder), lease_seconds=2, sweep_seconds=0.5, admin_password="a password of 20"
    )


def opened(folder):
    return closing(sqlite3.connect(folder / "drover.db", isolation_level=None, timeout=60))


def store_jobs(folder, application_id):
    with opened(folder) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO execution (id, kind, name, application_id, state, detail, requested_ms,"
            " due_ms, concurrency, delay_ms, timeout_ms, retry_on_timeout, retry_on_failure,"
            " max_retries, retry_delay_ms) VALUES (?, 'reboot', 'nightly', ?, 'new', '{}', 1, 1, 1,"
            " 0, 60000, 0, 0, 1, 0)",
            ((f"{number:024x}", application_id) for number in range(JOBS)),
        )
        connection.execute("COMMIT")


def halted(connection):
    """Keep the server from writing as soon as its operation has done something; return how much."""
    connection.execute("PRAGMA busy_timeout = 0")
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute(DONE).fetchone()
            if row is not None and row[1] > 0:
                return row[1]
            connection.execute("ROLLBACK")
    raise AssertionError("The operation did not begin")


def kill(server):
    processes = psutil.Process(server.process.pid).children(recursive=True)
    server.process.kill()
    server.process.wait()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def test_each_job_is_canceled_once_although_the_server_was_killed_in_between(folder):
    answers = []
    with start(folder) as server, opened(folder) as connection:
        store_jobs(folder, server.application_id())

        def cancel():
            with suppress(ClientError, ServerUnreachable):
                answers.append(
                    server.client.change(
                        "PUT", "/ws/v1/jobs/inventory/cancel", query="job_type = 'reboot'"
                    )
                )

        asking = threading.Thread(target=cancel)
        asking.start()
        done_before = halted(connection)
        kill(server)
        connection.execute("ROLLBACK")
        asking.join(PATIENCE_S)

    with start(folder), opened(folder) as connection:
        give_up = time.monotonic() + PATIENCE_S
        while connection.execute(DONE).fetchone()[3] == "running" and time.monotonic() < give_up:
            time.sleep(0.1)
        _, succeeded, failed, state = connection.execute(DONE).fetchone()
        canceled = connection.execute(
            "SELECT count(*) FROM execution WHERE kind = 'reboot' AND state = 'canceled'"
        ).fetchone()[0]

    assert answers == []
    assert 0 < done_before < JOBS
    assert (state, succeeded, failed, canceled) == ("succeeded", JOBS, 0, JOBS)
