"""A host, a clock and workflows to run in tests; nothing here waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drover.flows import compile_flow, run_batch
from drover.ports.runner import RunRecord
from drover.ports.scripts import ScriptResult

DEVICE = "64b0000000000000000000d1"
FLOW = "64b0000000000000000000f1"
APPLICATION = "64b0000000000000000000a1"


class FakeClock:
    """A clock that stands still unless told otherwise; each look may cost time."""

    def __init__(self, *, cost_ms: int = 0) -> None:
        self.ms = 1_767_323_045_678
        self.cost_ms = cost_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_ms(self) -> int:
        self.ms += self.cost_ms
        return self.ms

    async def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


class FakeHost:
    """Answers operations from functions; keeps what was asked, call by call."""

    def __init__(self, **answers: Callable[[Mapping[str, Any]], Any]) -> None:
        self.answers = {name.replace("_", ".", 1): answer for name, answer in answers.items()}
        self.calls: list[tuple[str, list[Mapping[str, Any]]]] = []
        self.scripts: list[tuple[str, list[Any]]] = []
        self.script: Callable[[Any], Any] = lambda payload: payload

    async def call(
        self, operation: str, requests: Sequence[Mapping[str, Any]]
    ) -> Sequence[dict[str, Any]]:
        self.calls.append((operation, list(requests)))
        answer = self.answers.get(operation, lambda _request: {})
        answered = [answer(request) for request in requests]
        return [a if "error" in a or "result" in a else {"result": a} for a in answered]

    async def run_script(
        self, script: str, payloads: Sequence[Any], timeout_ms: int
    ) -> Sequence[ScriptResult]:
        self.scripts.append((script, list(payloads)))
        return [self._scripted(payload) for payload in payloads]

    def _scripted(self, payload: Any) -> ScriptResult:
        result = self.script(payload)
        return result if isinstance(result, ScriptResult) else ScriptResult(result)

    @property
    def requests(self) -> list[Mapping[str, Any]]:
        return [request for _, requests in self.calls for request in requests]


def error(kind: str, message: str) -> dict[str, Any]:
    """An answer of the host that is an error."""
    return {"error": {"type": kind, "message": message}}


def node(
    name: str,
    kind: str,
    config: Mapping[str, Any] | None = None,
    *outputs: Sequence[str],
    group: str | None = None,
    **meta: Any,
) -> dict[str, Any]:
    """One node of a workflow."""
    given = {"label": name, **meta} | ({"groupId": group} if group else {})
    return {
        "id": name,
        "type": kind,
        "config": dict(config or {}),
        "meta": given,
        "outputIds": [list(ids) for ids in outputs],
    }


def flow(start: Sequence[str], *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A workflow with one virtual button that leads to ``start``."""
    trigger = {"type": "virtualButton", "key": "button", "outputIds": [list(start)]}
    return {
        "id": FLOW,
        "name": "A flow",
        "applicationId": APPLICATION,
        "triggers": [trigger],
        "nodes": list(nodes),
        **more,
    }


def start(data: Any = None) -> dict[str, Any]:
    """The payload of a pressed button."""
    return {"data": {} if data is None else data, "triggerType": "virtualButton"}


def run_many(
    definition: dict[str, Any],
    payloads: Sequence[dict[str, Any]],
    host: FakeHost | None = None,
    clock: FakeClock | None = None,
    **more: Any,
) -> list[RunRecord]:
    """Run a batch to its end."""
    clock = clock or FakeClock()

    async def run() -> list[RunRecord]:
        return await run_batch(
            compile_flow(definition),
            0,
            list(payloads),
            host or FakeHost(),
            clock=clock,
            sleep=clock.sleep,
            **more,
        )

    return asyncio.run(run())


def run_one(
    definition: dict[str, Any],
    data: Any = None,
    host: FakeHost | None = None,
    clock: FakeClock | None = None,
    **more: Any,
) -> RunRecord:
    """Run one payload to its end."""
    return run_many(definition, [start(data)], host, clock, **more)[0]


SHOW = node("show", "DebugNode", {"message": "shown"}, [])
"""A node that notes the payload, for tests to look at."""


def shown(record: RunRecord) -> Any:
    """The payload that the last debug node noted."""
    assert record.error is None, record.error
    assert record.debug, "no debug node was reached"
    return record.debug[-1]["payload"]


def result_of(
    kind: str, config: Mapping[str, Any], data: Any = None, host: FakeHost | None = None
) -> Any:
    """The payload after one node, whichever of its first outputs was taken."""
    only = node("only", kind, config, ["show"], ["show"])
    return shown(run_one(flow(["only"], only, SHOW), data, host))


def error_of(
    kind: str, config: Mapping[str, Any], data: Any = None, host: FakeHost | None = None
) -> dict[str, Any]:
    """The error that one node threw."""
    record = run_one(flow(["only"], node("only", kind, config, [], [])), data, host)
    assert record.error is not None
    found: dict[str, Any] = record.error["error"]
    return found


def output_of(
    kind: str, config: Mapping[str, Any], data: Any = None, host: FakeHost | None = None
) -> int:
    """The output one node took."""
    ends = [node(f"end{n}", "DebugNode", {"message": str(n)}, []) for n in range(6)]
    only = node("only", kind, config, *([end["id"]] for end in ends))
    record = run_one(flow(["only"], only, *ends), data, host)
    assert record.error is None, record.error
    return int(record.debug[-1]["message"])


def asked(
    kind: str,
    config: Mapping[str, Any],
    data: Any = None,
    answer: Any = None,
    operation: str | None = None,
) -> tuple[Mapping[str, Any] | None, Any]:
    """The one request of a node, and the payload after it."""
    host = FakeHost()
    if operation:
        host.answers[operation] = lambda _request: answer
    payload = result_of(kind, config, data, host)
    return (host.requests[0] if host.requests else None), payload
