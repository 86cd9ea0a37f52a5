"""How many runs of a small workflow one core interprets a second, with a host that costs nothing.

Run: ``python -m bench.workflow_runs``. The workflow is what a job's iteration often is: a text made
from the device, a decision, an acknowledgement.
"""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

from drover.flows import compile_flow, run_batch, start_payload
from drover.system import SystemClock

RUNS = 40_000
CHUNKS = (1, 10, 100, 1000)

FLOW = {
    "id": "64b0000000000000000000f1",
    "name": "Bench",
    "applicationId": "64b0000000000000000000a1",
    "triggers": [{"type": "resourceJobIteration", "key": "j", "outputIds": [["text"]]}],
    "nodes": [
        {
            "id": "text",
            "type": "MutateNode",
            "config": {
                "rules": [
                    {
                        "type": "set",
                        "valueTemplate": "{{data.device.name}} at {{data.x}}",
                        "destination": "working.text",
                    }
                ]
            },
            "outputIds": [["decide"]],
        },
        {
            "id": "decide",
            "type": "ConditionalNode",
            "config": {"expression": "{{data.x}} > 5"},
            "outputIds": [["settle"], ["settle"]],
        },
        {
            "id": "settle",
            "type": "ResourceJobAcknowledgeNode",
            "config": {
                "successExpression": "{{data.x}} > 2",
                "messageTemplate": "{{working.text}}",
                "resultPath": "working.settled",
            },
            "outputIds": [[]],
        },
    ],
}


class NoHost:
    """Answers at once."""

    async def call(self, _operation: str, requests: Any) -> Any:
        """Acknowledge everything."""
        return [
            {"result": {"success": request["success"], "startedAt": 1, "completedAt": 2}}
            for request in requests
        ]

    async def run_script(self, _script: str, payloads: Any, _timeout_ms: int) -> Any:
        """Run nothing."""
        return payloads


def payloads(count: int) -> list[dict[str, Any]]:
    """Return the payloads of one chunk."""
    return [
        start_payload(
            "resourceJobIteration",
            "j",
            {
                "iterationId": f"e-{number}",
                "x": number % 10,
                "device": {
                    "deviceId": f"{number:024x}",
                    "name": f"Device {number}",
                    "tags": {"floor": ["3"]},
                    "attributes": {"t": {"dataType": "number"}},
                },
            },
            now_ms=1,
            relay=("j", "resourceJob"),
        )
        for number in range(count)
    ]


async def measure(chunk: int) -> float:
    """Return runs a second of processor time, in chunks of a size."""
    flow, clock = compile_flow(FLOW), SystemClock()
    batches = [payloads(chunk) for _ in range(RUNS // chunk)]
    gc.collect()
    gc.freeze()
    began_s = time.process_time()
    for batch in batches:
        await run_batch(flow, 0, batch, NoHost(), clock=clock)
    return RUNS / (time.process_time() - began_s)


def main() -> None:
    """Print one line for each size of chunk."""
    for chunk in CHUNKS:
        print(f"{chunk:5} at a time: {asyncio.run(measure(chunk)):9,.0f} runs/s")


if __name__ == "__main__":
    main()
