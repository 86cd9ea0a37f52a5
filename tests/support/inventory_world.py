"""A fleet and its jobs in a store, the same as rows in memory, and random queries about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from drover.model.run import Target
from drover.query.digi.facts import group_fields
from drover.query.digi.fields import DEVICE_CHOICES, FIELDS, DigiField, DigiType
from tests.support.digi_server import DigiServer

if TYPE_CHECKING:
    from random import Random

    from drover.store.driver import Database

WORDS = [
    "",
    "a",
    "A",
    "ab",
    "aB",
    "b",
    "Ärger",
    "ärger",
    "ß",
    "É/é",
    "a%b",
    "a_b",
    "it's",
    "\U0001f69c",
    "Straße",
]
PATHS = ["/", "/a", "/A/b", "/ab", "a/b/", "/b/a", "/Ärger/b", "//"]
NUMBERS = ["0", "5", "20", "50", "75.5", "-3", "high"]
STATES = ["new", "queued", "running", "canceling", "succeeded", "failed", "canceled"]
NOW = 1_800_000_000_000
CONTEXTS: list[dict[str, Any]] = [
    {},
    {"a": 5, "b": {"c": "Ärger", "a": None}},
    {"a": "5", "b": {"c": "AB", "a": True}},
    {"a": 7.5, "b": [{"c": "a"}]},
    {"a": True, "b": "", "A": 1},
    {"a": "", "b": {"c": 20, "a": [1]}},
]
RESULTS: list[Any] = [
    [],
    [{"a": 5}, {"a": "it's", "b": {"c": False}}],
    {"a": True, "b": {"c": "ab"}},
    [1, "a", None, [{"a": 5}], {"b": None}],
]
PATHS_ASKED = [
    "context.a",
    "context.A",
    "context.b",
    "context.b.c",
    "context.b.a",
    "result.a",
    "result.b.c",
    "result.failed",
    "result.total",
]


class World:
    """Jobs as stored, and for each the rows that a query is tried on."""

    def __init__(self, database: Database) -> None:
        self.server = DigiServer(database)
        self.pairs: dict[int, list[dict[str, Any]]] = {}

    async def fill(self, random: Random, devices: int, jobs: int) -> World:
        """Make devices, then jobs over some of them."""
        await self.server.begin()
        made = [await self._device(random) for _ in range(devices)]
        for _ in range(jobs):
            await self._job(random, made)
        return self

    async def _device(self, random: Random) -> dict[str, Any]:
        name = random.choice(WORDS[1:])
        tags = {
            "carrier": random.choice(WORDS),
            "group": random.choice([*PATHS, ""]),
            "signal_percent": random.choice([*NUMBERS, ""]),
            "health_status": random.choice([*DEVICE_CHOICES["health_status"], "Error", "", ""]),
            "tag": ";".join(random.sample(WORDS[1:], random.randrange(3))),
        }
        device_id = await self.server.device(name, **tags)
        row: dict[str, Any] = {
            "device_id": device_id,
            "name": name,
            "carrier": tags["carrier"] or None,
            "tags": [tag for tag in tags["tag"].split(";") if tag],
            "health_status": tags["health_status"].lower() or "unknown",
            "connection_status": random.choice(["connected", "disconnected"]),
            "signal_percent": _number(tags["signal_percent"]),
            "last_connect": None,
        }
        group = tags["group"] or None
        row["vendor_id"] = None
        if random.random() < 0.5:
            row["vendor_id"] = random.randrange(5)
            await self.server.report(device_id, "vendor_id", str(row["vendor_id"]))
            await self.server.report(device_id, "ip", '"A.b"')
            row["ip"] = "A.b"
        if group is None and random.random() < 0.5:
            group = "/Reported/a/"
            await self.server.report(device_id, "group", f'"{group}"')
        connected = int(row["connection_status"] == "connected")
        await self.server.database.write(
            lambda tx: tx.execute_sql(
                "UPDATE device SET connected = :connected WHERE id = :id",
                {"connected": connected, "id": device_id},
            )
        )
        return {**row, **group_fields(group)}

    async def _job(self, random: Random, devices: list[dict[str, Any]]) -> None:
        targets = random.sample(devices, random.choice([0, 1, 1, 2, 3]))
        state = random.choice(STATES)
        ended = random.randrange(len(targets) + 1) if state in ("succeeded", "failed") else 0
        columns = {
            "state": state,
            "name": random.choice(WORDS[1:]),
            "succeeded": ended,
            "failed": len(targets) - ended if state == "succeeded" else 0,
            "error": random.choice([None, "Lost", "lost ß"]),
            "result": random.choice([None, *map(json.dumps, RESULTS)]),
        }
        context = random.choice(CONTEXTS)
        target = Target(resource_type="device", context=json.dumps(context))
        columns["detail"] = msgspec.json.encode(target)
        number = await self.server.job(*(each["device_id"] for each in targets), **columns)
        job = _job_row(number, len(targets), columns, self.server.clock.ms)
        summary = {name: columns.get(name, 0) for name in ("succeeded", "failed", "timedOut")}
        handed_in = columns["result"] or json.dumps({**summary, "total": len(targets)})
        job |= _paths("context", context) | _results(handed_in)
        self.pairs[number] = [{**job, **each} for each in targets] or [job]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _paths(root: str, document: Any) -> dict[str, Any]:
    """Return what each dotted path into a document leads to; a list is a thing with no value."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        found[f"{root}.{name}"] = {"a list": value} if isinstance(value, list) else value
        if isinstance(value, dict):
            found[f"{root}.{name}"] = {"an object": value}
            found |= _paths(f"{root}.{name}", value)
    return found


def _results(text: str | None) -> dict[str, Any]:
    """Return what dotted paths lead to in any of several results."""
    whole = json.loads(text or "[]")
    found: dict[str, Any] = {}
    for part in whole if isinstance(whole, list) else [whole]:
        if isinstance(part, dict):
            for path, value in _paths("result", part).items():
                found.setdefault(path, []).append(value)
    return found


def _job_row(number: int, total: int, columns: dict[str, Any], now_ms: int) -> dict[str, Any]:
    state = columns["state"]
    ended = columns["succeeded"] + columns["failed"]
    final = state in ("succeeded", "failed", "canceled")
    all_failed = columns["succeeded"] == 0 and columns["failed"] > 0
    status = {"new": "new", "queued": "new", "failed": "failed", "canceled": "canceled"}.get(state)
    if state == "succeeded":
        status = "failed" if all_failed else "complete"
    status = status or "in_progress"
    return {
        "id": number,
        "job_type": "resource_job",
        "source": "resource_job",
        "status": status,
        "status.state": state,
        "job_name": columns["name"],
        "submit_time": now_ms,
        "end_time": now_ms if final else None,
        "target_count": total,
        "success_count": columns["succeeded"],
        "failure_count": columns["failed"],
        "canceled_count": total - ended if state == "canceled" else 0,
        "progress_percent": ended * 100 // total if total else (100 if final else 0),
        "error_message": columns["error"] if status in ("failed", "canceled") else None,
    }


ASKED = [  # every type of field, where it comes from a tag, a report, the device or the job
    FIELDS[name]
    for name in [
        "id",
        "job_type",
        "source",
        "status",
        "job_name",
        "submit_time",
        "end_time",
        "target_count",
        "success_count",
        "failure_count",
        "canceled_count",
        "progress_percent",
        "error_message",
        "username",
        "name",
        "carrier",
        "ip",
        "signal_percent",
        "vendor_id",
        "health_status",
        "connection_status",
        "last_connect",
        "group",
        "tags",
    ]
]


def _path_condition(random: Random) -> str:
    """Return a condition that goes with a value of any type."""
    field = random.choice(PATHS_ASKED)
    literal = random.choice(
        ["5", "7.5", "0x14", "true", "false", "'5'", "'AB'", "'ärger'", "''", "'it''s'", "empty"]
    )
    if literal[0] == "'" and literal != "''":
        sign = random.choice(
            ["=", "<>", "<", "<=", ">", ">=", "startsWith", "endsWith", "contains"]
        )
    elif literal[0].isdigit():
        sign = random.choice(["=", "<>", "<", "<=", ">", ">="])
    else:
        sign = random.choice(["=", "<>"])
    return f"{field} {sign} {literal}"


def _list_condition(random: Random) -> str:
    """Return a condition with a list of values."""
    fields = [field for field in ASKED if field.type is not DigiType.DEVICE_TIME]
    field = random.choice(fields)
    values = [_value(random, field) for _ in range(random.randrange(1, 4))]
    return f"{field.name} in ({', '.join(values)})"


STATE_WORDS = ["running", "queued", "Completed", "errored", "inProgress", "canceling", "picked_up"]


def query(random: Random, depth: int = 3) -> str:
    """Return a random query that can be understood."""
    kind = random.random()
    if kind < 0.08:
        return _path_condition(random)
    if kind < 0.13:
        return _list_condition(random)
    if kind < 0.15:
        return f"status {random.choice(['=', '<>'])} '{random.choice(STATE_WORDS)}'"
    if depth == 0 or kind < 0.4:
        return _condition(random, random.choice(ASKED))
    if kind < 0.55:
        return f"not ({query(random, depth - 1)})"
    word = random.choice([" and ", " or "])
    parts = [query(random, depth - 1) for _ in range(random.randrange(2, 4))]
    return f"({word.join(parts)})"


def found_query(random: Random) -> str:
    """Return a random query about devices that an index can find."""
    first = [_found(random) for _ in range(random.randrange(1, 3))]
    text = f"({' or '.join(first)})"
    if random.random() < 0.3:
        text += f" and id {random.choice(['<', '<=', '>', '>=', '='])} {random.randrange(45)}"
    return text if random.random() < 0.4 else f"{text} and ({query(random, 1)})"


def _found(random: Random) -> str:
    field = FIELDS[random.choice(["name", "carrier", "ip", "group", "tags"])]
    words = PATHS if field.name == "group" else WORDS
    if random.random() < 0.1:
        return f"health_status = '{random.choice(DEVICE_CHOICES['health_status'])}'"
    if random.random() < 0.2:
        return (
            f"signal_percent {random.choice(['=', '<', '>='])} {random.choice(['5', '20', '50'])}"
        )
    value = random.choice([word for word in words if word.strip("/")]).replace("'", "''")
    if random.random() < 0.2:
        return f"{field.name} in ('{value}', 'a')"
    sign = random.choice(["=", "startsWith", "endsWith", "contains"])
    return f"{field.name} {sign} '{value}'"


def _condition(random: Random, field: DigiField) -> str:
    if random.random() < 0.15 or field.type is DigiType.DEVICE_TIME:
        return f"{field.name} {random.choice(['=', '<>'])} empty"
    signs = {
        DigiType.TEXT: "= <> < <= > >= startsWith endsWith contains",
        DigiType.NUMERIC: "= <> < <= > >=",
        DigiType.JOB_TIME: "= <> < <= > >=",
        DigiType.ENUMERATED: "= <>",
        DigiType.GROUP: "= <> startsWith endsWith contains",
        DigiType.TAG: "= <> startsWith endsWith contains",
    }[field.type]
    return f"{field.name} {random.choice(signs.split())} {_value(random, field)}"


def _value(random: Random, field: DigiField) -> str:
    if field.type is DigiType.NUMERIC:
        return random.choice(["0", "1", "5", "7.5", "20", "0x32", "-3", "'75.5'", "9" * 30])
    if field.type is DigiType.JOB_TIME:
        return random.choice(["0s", "-1h", "+1h", "'2027-01-15T08:00:00Z'"])
    if field.type is DigiType.ENUMERATED:
        return f"'{random.choice(field.choices)}'"
    words = PATHS if field.type is DigiType.GROUP else [*WORDS, "resource", "LOST"]
    return "'" + random.choice(words).replace("'", "''") + "'"
