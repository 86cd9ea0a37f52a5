"""The workflow of the demonstration, and the job that runs it.

Each iteration reads its device with its last state, computes the standard-atmosphere pressure at
the device's elevation, stores it as state, and acknowledges. A device that never reported an
elevation is acknowledged as failed, with a message.
"""

from __future__ import annotations

import json
from typing import Any, Final

PRESSURE: Final = """
const state = payload.working.device.compositeState || {};
const elevation = state.elevation && state.elevation.value;
if (typeof elevation === 'number') {
  payload.working.pressure =
    payload.globals.seaLevel * Math.pow(1 - 2.25577e-5 * elevation, 5.25588);
}
"""


def job(country: str, concurrency: int) -> dict[str, Any]:
    """Return the body of the resource job; the country comes from the execution's context."""
    return {
        "name": "Standard pressure",
        "description": "Computes and stores the pressure at each airport of one country.",
        "resourceType": "device",
        "queryJson": '{"tags": {"$tagKey": "country", "$tagValue": "{{ctx.country}}"}}',
        "defaultContext": json.dumps({"country": country}),
        "maxIterationConcurrency": concurrency,
    }


def workflow(job_id: str) -> dict[str, Any]:
    """Return the body of the workflow that the job's iterations start."""
    return {
        "name": "Pressure from elevation",
        "flowClass": "cloud",
        "enabled": True,
        "globals": [{"key": "seaLevel", "json": "1013.25"}],
        "triggers": [
            {
                "type": "resourceJobIteration",
                "key": job_id,
                "config": {},
                "meta": {
                    "category": "trigger",
                    "name": "resourceJobIteration",
                    "label": "Job: Iteration",
                },
                "outputIds": [["read"]],
            }
        ],
        "nodes": [_read(), _compute(), _known(), _store(), _done(), _fail()],
    }


def _node(identifier: str, type_: str, config: dict[str, Any], *outputs: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "type": type_,
        "config": config,
        "meta": {"label": identifier},
        "outputIds": [[output] if output else [] for output in outputs or ("",)],
    }


def _read() -> dict[str, Any]:
    config = {
        "findMethod": "id",
        "idTemplate": "{{data.device.deviceId}}",
        "includeState": True,
        "includeConnectionStatus": False,
        "resultPath": "working.device",
    }
    return _node("read", "GetDeviceNode", config, "compute")


def _compute() -> dict[str, Any]:
    return _node("compute", "RawFunctionNode", {"script": PRESSURE}, "known")


def _known() -> dict[str, Any]:
    config = {"expression": "{{typeof working.pressure}} === 'number'"}
    return _node("known", "ConditionalNode", config, "fail", "store")


def _store() -> dict[str, Any]:
    config = {
        "deviceId": "{{working.device.id}}",
        "attrDataMethod": "jsonTemplate",
        "attrJsonTemplate": '{"pressure": {{working.pressure}}}',
        "timeSourceType": "now",
        "resultPath": "working.stored",
    }
    return _node("store", "DeviceChangeStateNode", config, "done")


def _done() -> dict[str, Any]:
    config = {
        "successExpression": "{{working.stored.success}}",
        "messageTemplate": "{{format working.pressure '.1f'}} hPa",
        "resultPath": "working.acknowledged",
    }
    return _node("done", "ResourceJobAcknowledgeNode", config)


def _fail() -> dict[str, Any]:
    config = {
        "successExpression": "false",
        "messageTemplate": "elevation unknown",
        "resultPath": "working.acknowledged",
    }
    return _node("fail", "ResourceJobAcknowledgeNode", config)
