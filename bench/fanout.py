"""Fan-out: iterations per second of a resource job, results durable, on both stores."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from bench.bounds import postgres_copy, sqlite_inserts
from bench.figures import Figure
from bench.servers import STORES, load_fleet, make_job, server_on
from drover.model.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

ITEMS: Final = 20_000
ROUNDS: Final = 3
LONGEST_S: Final = 120.0

ACKNOWLEDGE: Final = {
    "id": "ack",
    "type": "ResourceJobAcknowledgeNode",
    "config": {"successExpression": "true"},
    "outputIds": [[]],
}


def _handler(name: str) -> list[dict[str, Any]]:
    node = {
        "id": "call",
        "type": "PythonHandlerNode",
        "config": {"handler": name, "inputMethod": "payloadPath", "inputValue": "data.iterationId"},
        "outputIds": [["ack"]],
    }
    return [node, ACKNOWLEDGE]


def _three_nodes() -> list[dict[str, Any]]:
    rule = {
        "type": "set",
        "valueTemplate": "at {{data.device.name}}",
        "destination": "working.text",
    }
    mutate = {
        "id": "set",
        "type": "MutateNode",
        "config": {"rules": [rule]},
        "outputIds": [["check"]],
    }
    expression = "length({{working.text}}) > 3 && {{data.device.deviceClass}} === 'standalone'"
    check = {
        "id": "check",
        "type": "ConditionalNode",
        "config": {"expression": expression},
        "outputIds": [["ack"], ["ack"]],
    }
    return [mutate, check, ACKNOWLEDGE]


def _function() -> list[dict[str, Any]]:
    script = "payload.working = {hash: payload.data.device.name.length * 31 % 17};"
    node = {
        "id": "compute",
        "type": "RawFunctionNode",
        "config": {"script": script},
        "outputIds": [["ack"]],
    }
    return [node, ACKNOWLEDGE]


CASES: Final[tuple[tuple[str, list[dict[str, Any]], dict[str, Any], str], ...]] = (
    (
        "no-op Python handler",
        _handler("bench.nothing"),
        {},
        "sqlite 30,000; postgres 50,000 or 0.15",
    ),
    ("three nodes, template, expression", _three_nodes(), {}, "15,000"),
    ("with a Function node", _function(), {}, "6,000"),
    (
        "handler waits 10 ms, 100 at once",
        _handler("bench.wait"),
        {"maxIterationConcurrency": 100},
        "8,000 of 10,000",
    ),
)


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the best of three executions for each workflow on each store."""
    items = ITEMS // 10 if quick else ITEMS
    for store in STORES:
        with server_on(store, handlers="bench.handlers") as (server, url):
            bound = postgres_copy(url, items) if url else sqlite_inserts(items)
            load_fleet(server, items)
            for name, nodes, settings, goal in CASES:
                path = make_job(server, nodes, **settings)
                best = max(_execute(server, path, items) for _ in range(ROUNDS))
                bound_name = "COPY" if url else "bulk insert"
                yield Figure(f"{store}: {name}", best, "items/s", goal, bound, bound_name)


def _execute(server: Serving, path: str, items: int) -> float:
    """Run one execution to its end; return items per second between its own two dates."""
    execution = server.client.post(f"{path}/execute")["executionId"]
    ends = time.monotonic() + LONGEST_S
    while time.monotonic() < ends:
        entry = server.client.get(f"{path}/executions/{execution}")
        if entry["status"] not in {"inProgress", "erroring", "canceling"}:
            break
        time.sleep(0.05)
    if entry["executionSummary"]["succeeded"] != items:
        raise RuntimeError(f"{entry['status']}: {entry['executionSummary']}")
    return items / ((to_ms(entry["runCompletedAt"]) - to_ms(entry["runStartedAt"])) / 1000)
