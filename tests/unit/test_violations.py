"""What devices try that is not theirs is counted from the broker's log."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from drover.mqtt import violations
from drover.mqtt.violations import Violations

DROPPED = '[1] [ERR] 127.0.0.1:1 - mid:6 - "d" - Publish Violation - User "x", Subject "foo.bar"\n'
NOT_GRANTED = '[1] [ERR] 127.0.0.1:1 - mid:6 - Subscription Violation - User "x", Subject ">"\n'
TOO_NEW = '[1] [ERR] 127.0.0.1:1 - mid:6 - "" - unacceptable protocol version of 5\n'
TOO_LARGE = '[1] [ERR] 127.0.0.1:1 - mid_ws:6 - "d" - maximum payload exceeded: 300000 vs 262144\n'
REFUSED = '[1] [ERR] 127.0.0.1:1 - mid:6 - "d" - authentication error - User "x"\n'
GONE = '[1] [ERR] 127.0.0.1:1 - mid:6 - "d" - unable to connect: connection closed\n'
LOOKED_IN = "[1] [ERR] 127.0.0.1:1 - mid:6 - TLS handshake error: EOF\n"
OTHERS = "[1] [ERR] 127.0.0.1:1 - cid:6 - Processing error\n"
OTHERWISE = "[1] [INF] Server is ready\n"


@pytest.fixture
def log(tmp_path):
    found = tmp_path / "log"
    found.write_text(DROPPED)
    return found


def append(log, text):
    with log.open("a") as file:
        file.write(text)


def test_what_is_new_in_the_log_is_counted_once(log):
    seen = Violations(log)

    append(log, OTHERWISE + DROPPED + NOT_GRANTED)
    seen.look()
    seen.look()

    assert seen.count == 2


def test_a_line_is_counted_when_it_is_whole(log):
    seen = Violations(log)
    append(log, DROPPED[:70])
    seen.look()
    assert seen.count == 0

    append(log, DROPPED[70:])
    seen.look()

    assert seen.count == 1


def test_a_log_that_was_begun_anew_is_read_from_its_beginning(log):
    append(log, OTHERWISE * 3)
    seen = Violations(log)

    log.write_text(NOT_GRANTED)
    seen.look()

    assert seen.count == 1


def test_of_many_one_is_logged(log, monkeypatch):
    monkeypatch.setattr(violations, "TOLD_EVERY", 3)
    seen = Violations(log)
    append(log, DROPPED * 4)

    with capture_logs() as logs:
        seen.look()

    assert [each["so_far"] for each in logs] == [1, 4]


async def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(violations, "LOOK_S", 0)
    log = tmp_path / "log"
    seen = Violations(log)
    seen.start()
    await asyncio.sleep(0)

    log.write_text(DROPPED)
    while not seen.count:
        await asyncio.sleep(0)

    await seen.stop()
    await seen.stop()
    assert seen.count == 1


def test_connections_over_which_no_mqtt_comes_are_counted_apart_and_logged_once(log):
    seen = Violations(log)
    append(log, TOO_NEW + REFUSED + GONE + LOOKED_IN + OTHERS + TOO_LARGE + DROPPED)

    with capture_logs() as logs:
        seen.look()

    assert (seen.malformed, seen.count) == (2, 1)
    assert [each["event"] for each in logs] == ["mqtt.malformed", "mqtt.not_theirs"]
