"""Calls of the server's own API by running workflows, with the rights of their application."""

from __future__ import annotations

from typing import Any

from drover.app.answering import Asking, HostOperations, Request, each


async def _call(asking: Asking, request: Request) -> dict[str, Any]:
    """Call one operation; what it answers, refusals too, is the result."""
    api = asking.tools.api
    if api is None:
        told = {"type": "NotImplemented", "statusCode": 501, "message": "There is no API here"}
        return {"error": told}
    params = {"applicationId": asking.application_id, **request["params"]}
    if request["applicationId"]:
        params["applicationId"] = request["applicationId"]
    return await api.call(asking.caller, request["name"], params, request["token"])


OPERATIONS = HostOperations({"api.call": each(_call)})
