"""Answers of operations whose work is a job, and who is told of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.app.long_tasks import listeners
from drover.faces.operation import Answer

if TYPE_CHECKING:
    from drover.app.long_tasks import Listeners
    from drover.faces.operation import Call


def enqueued(job_id: str) -> Answer:
    """Return the answer that a job was asked for and will run."""
    headers = {"Cache-Control": "no-store"}
    body = {"success": True, "jobQueued": True, "jobId": job_id}
    return Answer(msgspec.json.encode(body), status=202, headers=headers)


def told(call: Call, email: str | None = None, callback_url: str | None = None) -> Listeners:
    """Return who is told: those of the body, else those of the query; raises Invalid."""
    return listeners(
        email or call.query.get("email"), callback_url or call.query.get("callbackUrl")
    )
