"""The text query language of the inventory: meaning, faults and their positions, limits."""

from __future__ import annotations

import pytest

from drover.model.errors import Invalid
from drover.query.digi import BadQuery, QueryTooLong, parse
from drover.query.digi.facts import group_fields
from drover.query.evaluate import matches
from drover.query.tree import (
    ALL,
    NOTHING,
    Compare,
    In,
    Instant,
    Missing,
    Not,
    Operator,
    Or,
)

NOW = 1_800_000_000_000
BUSY = ("canceling", "failing", "running")


def _device(group, tags, connection, health, signal):
    return {
        **group_fields(group),
        "tags": tags.split(),
        "connection_status": connection,
        "health_status": health,
        "signal_percent": signal,
    }


FLEET = {
    1: _device("/NorthWest", "important Sensor", "connected", "error", 75),
    2: _device("/NorthWest/Yakima", "", "connected", "normal", 12),
    3: _device("/NorthWestern", "nsx", "disconnected", "unknown", None),
    4: _device("/test", "IMPORTANT", "disconnected", "warning", 20),
    5: _device("/test/leaf", "monitor", "connected", "normal", 50),
    6: _device("/testing/newleaf", "", "disconnected", "normal", None),
    7: _device("/leaf", "sensor vendor", "connected", "error", 99),
    8: _device("/", "ops", "connected", "normal", 0),
}

EITHER = "connection_status='connected' or connection_status='disconnected'"
MEANINGS = [
    (
        "group startsWith '/NorthWest' and (connection_status = 'disconnected' or signal_percent < 20)",
        [2, 3],
    ),
    ("tags = 'important' and (health_status = 'error' or health_status = 'warning')", [1, 4]),
    ("group = '/test'", [4]),
    ("group = 'TEST/'", [4]),
    ("group startsWith 'test/'", [4, 5]),
    ("group startsWith 'test'", [4, 5, 6]),
    ("group endsWith '/leaf'", [5, 7]),
    ("group contains '/leaf/'", [5, 7]),
    ("tags = 'sensor'", [1, 7]),
    ("tags <> 'sensor'", [2, 3, 4, 5, 6, 8]),
    ("tags contains 'ns'", [1, 3, 7]),
    ("tags startsWith 'sens'", [1, 7]),
    ("tags endsWith 'or'", [1, 5, 7]),
    ("not tags contains 'ns'", [2, 4, 5, 6, 8]),
    ("tags = empty", [2, 6]),
    ("tags = ''", [2, 6]),
    ("group = empty", [8]),
    ("group = '/'", [8]),
    ("group <> empty", [1, 2, 3, 4, 5, 6, 7]),
    (f"{EITHER} and signal_percent>=50", [1, 2, 5, 7, 8]),
    (f"({EITHER}) and signal_percent>=50", [1, 5, 7]),
    ("signal_percent <> 50", [1, 2, 3, 4, 6, 7, 8]),
    ("signal_percent = 0x32", [5]),
    ("signal_percent = '50'", [5]),
    ("signal_percent = +50", [5]),
    ("signal_percent < 12.5", [2, 8]),
    ("signal_percent = empty", [3, 6]),
    ("not not signal_percent > 50", [1, 7]),
    ("NOT (TAGS Contains 'NS' OR signal_percent < 20)", [4, 5, 6]),
    ("not tags = 'ops' and health_status = 'normal'", [2, 5, 6]),
    ("health_status='error'and signal_percent>50or tags='ops'", [1, 7, 8]),
    ("group = \u2019/test\u2019", [4]),
    ("group = \u2018/test'", [4]),
]


@pytest.mark.parametrize(("query", "expected"), MEANINGS)
def test_a_query_matches_the_devices_that_the_contract_says(query: str, expected: list[int]):
    node = parse(query, NOW)

    assert [number for number, row in FLEET.items() if matches(node, row)] == expected


@pytest.mark.parametrize(
    ("query", "node"),
    [
        ("name = 'Fred''s Device'", Compare("name", Operator.EQUAL, "Fred's Device", fold=True)),
        ("name = 'a\u2019b'", Compare("name", Operator.EQUAL, "a\u2019b", fold=True)),
        ("name = 'a\\'", Compare("name", Operator.EQUAL, "a\\", fold=True)),
        ("name < ''", Compare("name", Operator.LESS, "", fold=True)),
        ("JOB_ID=7", Compare("id", Operator.EQUAL, 7)),
        ("id < 7.5", Compare("id", Operator.LESS, 8)),
        ("id = 7.5", NOTHING),
        ("id <> 7.5", ALL),
        (f"id = {'9' * 30}", NOTHING),
        (f"id > -{'9' * 5000}", Compare("id", Operator.GREATER, -(2**63))),
        ("signal_percent = " + "9" * 400, NOTHING),
        ("vendor_id = -0x1F", Compare("vendor_id", Operator.EQUAL, -31.0)),
        ("status = 'COMPLETE'", Compare("status", Operator.EQUAL, "complete")),
        ("submit_time > -1h", Compare("submit_time", Operator.GREATER, Instant(NOW - 3_600_000))),
        ("end_time < 2W", Compare("end_time", Operator.LESS, Instant(NOW + 1_209_600_000))),
        ("end_time < +30d", Compare("end_time", Operator.LESS, Instant(NOW + 2_592_000_000))),
        ("start_time >= -5s", Compare("start_time", Operator.GREATER_OR_EQUAL, Instant(NOW - 5000))),
        (f"end_time < {'9' * 5000}m", Compare("end_time", Operator.LESS, Instant(NOW + 2**60))),
        (
            "submit_time = '2021-02-22T09:58:40.070Z'",
            Compare("submit_time", Operator.EQUAL, Instant(1_613_987_920_070)),
        ),
        ("last_connect = empty", Missing("last_connect")),
        ("last_connect <> empty", Not(Missing("last_connect"))),
        ("signal_percent = ''", Missing("signal_percent")),
        ("status = 'RUNNING'", In("status.state", BUSY)),
        ("status = 'errored'", In("status.state", ("failed",))),
        ("status <> 'picked_up'", Not(In("status.state", ("running",)))),
        (
            "status = 'inProgress'",
            In("status.state", ("new", "paused", "queued", "running")),
        ),
        ("status = 'new'", Compare("status", Operator.EQUAL, "new")),
        (
            "status in ('failed', 'Canceled', 'running')",
            Or(
                (
                    In("status.state", BUSY),
                    In("status", ("failed", "canceled")),
                )
            ),
        ),
        ("id in (1, 0x2, '3')", In("id", (1, 2, 3))),
        ("id IN (7)", Compare("id", Operator.EQUAL, 7)),
        ("name in ('a', '')", Or((Missing("name"), Compare("name", Operator.EQUAL, ""), Compare("name", Operator.EQUAL, "a", fold=True)))),
        ("context.Site.id = 7", Compare("context.Site.id", Operator.EQUAL, 7.0)),
        ("RESULT.ok = true", Compare("result.ok", Operator.EQUAL, True)),
        ("context.a in ('x', 'Y')", In("context.a", ("x", "Y"), fold=True)),
        ("context.a <> false", Not(Compare("context.a", Operator.EQUAL, False))),
        (
            "id = '632E18632f59592e773a4153'",
            Compare("device_id", Operator.EQUAL, "632E18632f59592e773a4153", fold=True),
        ),
        (
            "id <> '00000000-00000000-00409DFF-FF000001'",
            Not(Compare("device_id", Operator.EQUAL, "00000000-00000000-00409DFF-FF000001", fold=True)),
        ),
    ],
)  # fmt: skip
def test_a_condition_becomes_the_node_that_it_says(query: str, node: object):
    assert parse(query, NOW) == node


DEEP = "(" * 64 + "id=1" + ")" * 64
FAULTS = [
    ("", "expected field name", 0),
    ("and", "expected field name", 0),
    ("id=1 or", "expected field name", 7),
    ("not", "expected field name", 3),
    ("()", "expected field name", 1),
    ("'a' = name", "expected field name", 0),
    ("nope = 1", "unknown field 'nope'", 0),
    ("id=1 and device.nope = 1", "unknown field 'device.nope'", 9),
    ("id", "expected operator", 2),
    ("id 3", "expected operator", 3),
    ("id like 3", "expected operator", 3),
    ("id != 3", "expected operator", 3),
    ("id in 3", "expected (", 6),
    ("id in ()", "expected value", 7),
    ("id in (3", "missing )", 8),
    ("id in (3 4)", "missing )", 9),
    ("id in (3,)", "expected value", 9),
    ("id in (3, 'x')", "invalid value 'x' for field 'id'", 10),
    ("id in (name = 3)", "expected value", 7),
    ("id not in (3)", "expected operator", 3),
    ("last_connect in ('2021-02-22')", "timestamp comparisons are not supported for field 'last_connect'", 13),
    ("health_status in ('error', 'bad')", "invalid value 'bad' for field 'health_status'", 27),
    (f"id in ({', '.join('1' * 201)})", "query too long", 607),
    ("context = 1", "unknown field 'context'", 0),
    ("context. = 1", "unknown field 'context.'", 0),
    ("context.a..b = 1", "unknown field 'context.a..b'", 0),
    ("result.0.a = 1", "unknown field 'result.0.a'", 0),
    ("context.a contains 1", "invalid value '1' for field 'context.a'", 19),
    ("context.a < true", "invalid value 'true' for field 'context.a'", 12),
    ("context.a = 1h", "invalid value '1h' for field 'context.a'", 12),
    ("id = empty = 3", "unexpected text", 11),
    ("id contains = 3", "expected value", 12),
    ("id between 1 and 2", "expected operator", 3),
    ("name is null", "expected operator", 5),
    ("id =", "expected value", 4),
    ("id = and", "expected value", 5),
    ('name = "x"', "expected value", 7),
    ("name = x", "expected value", 7),
    ("id < empty", "expected value", 5),
    ("id = 0x", "unexpected text", 6),
    ("id = 3 days", "unexpected text", 7),
    ("id=1 id=2", "unexpected text", 5),
    ("id=1)", "unexpected text", 4),
    ("id=1;", "unexpected text", 4),
    ("(id=1", "missing )", 5),
    ("(id=1 id=2)", "missing )", 6),
    ("name = 'x", "unterminated text", 7),
    ("name = 'x''", "unterminated text", 7),
    ("name = \u2018x''", "unterminated text", 10),
    ("signal_percent contains '1'", "operator 'contains' cannot be used on numeric field 'signal_percent'", 15),
    ("health_status < 'error'", "operator '<' cannot be used on enumerated field 'health_status'", 14),
    ("health_status STARTSWITH 'e'", "operator 'STARTSWITH' cannot be used on enumerated field", 14),
    ("group >= '/a'", "operator '>=' cannot be used on group field 'group'", 6),
    ("tags < 'a'", "operator '<' cannot be used on tag field 'tags'", 5),
    ("submit_time contains '2'", "operator 'contains' cannot be used on timestamp field", 12),
    ("last_connect = '2021-02-22'", "timestamp comparisons are not supported for field 'last_connect'", 13),
    ("last_update > -1h", "timestamp comparisons are not supported for field 'last_update'", 12),
    (
        "connection_status = 'online'",
        "invalid value 'online' for field 'connection_status' (allowed: connected, disconnected)",
        20,
    ),
    ("status = complete", "expected value", 9),
    ("status = 1", "invalid value '1' for field 'status'", 9),
    ("id = 'x'", "invalid value 'x' for field 'id'", 5),
    ("id = 1h", "invalid value '1h' for field 'id'", 5),
    ("name = 5", "invalid value '5' for field 'name'", 7),
    ("name = true", "invalid value 'true' for field 'name'", 7),
    ("submit_time > 5", "invalid value '5' for field 'submit_time'", 14),
    ("submit_time > 'soon'", "invalid value 'soon' for field 'submit_time'", 14),
    ("name = 'a\0b'", "invalid value 'a\0b' for field 'name'", 7),
    (f"({DEEP})", "query too deep", 64),
    ("(" * 8000, "query too deep", 64),
    (" or ".join(["id=1"] * 201), "query too long", 1600),
]  # fmt: skip


@pytest.mark.parametrize(("query", "reason", "position"), FAULTS)
def test_a_fault_is_told_with_its_reason_and_place(query: str, reason: str, position: int):
    with pytest.raises(BadQuery) as caught:
        parse(query, NOW)

    assert caught.value.message.startswith(f"Invalid query: {reason}")
    assert caught.value.message.endswith(f" at position {position}")
    assert (caught.value.query, caught.value.position) == (query, position)


def test_the_largest_query_allowed_is_read():
    assert parse(DEEP, NOW) == parse("id=1", NOW)
    assert parse(" or ".join(["id=1"] * 200), NOW)
    assert parse("not " * 2000 + "id=1", NOW) == parse("id=1", NOW)
    assert parse("id=1".ljust(8192), NOW) == parse("id=1", NOW)


@pytest.mark.parametrize(("query", "position"), [("x" * 8193, 8192), ("\u00e9" * 5000, 4096)])
def test_more_than_eight_kilobytes_are_too_long(query: str, position: int):
    with pytest.raises(QueryTooLong) as caught:
        parse(query, NOW)

    assert caught.value.message == f"Invalid query: query too long at position {position}"
    assert not isinstance(caught.value, Invalid)
