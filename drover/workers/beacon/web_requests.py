"""Send the request of a task and take its answer, however long that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx

from drover.workers.beacon.results import TaskResult, TaskStatus, failed

if TYPE_CHECKING:
    from drover.workers.beacon.output import Output
    from drover.workers.beacon.tasks import HttpTask

MOST_BYTES: Final = 10 * 1024 * 1024
"""Bytes of an answer that are read; the rest is left."""


async def run_request(task: HttpTask, output: Output) -> TaskResult:
    """Send a request; redirects are not followed: the server of the job named this address."""
    try:
        status = await _answered(task, output)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return failed(f"the request failed: {str(error) or type(error).__name__}")
    finally:
        output.finish()
    if task.expects(status):
        return TaskResult(status=TaskStatus.SUCCEEDED, http_status=status)
    told = f"the answer has status {status}"
    return TaskResult(status=TaskStatus.FAILED, http_status=status, error=told)


async def _answered(task: HttpTask, output: Output) -> int:
    # The time is bounded by the task's own limit, around all of this.
    sent = httpx.AsyncClient(timeout=None)  # noqa: S113
    asked = (task.method.upper(), task.url)
    async with (
        sent as client,
        client.stream(*asked, headers=task.headers, **_body(task.body)) as answer,
    ):
        await _read(answer, output)
    return answer.status_code


def _body(body: Any) -> dict[str, Any]:
    if body is None:
        return {}
    return {"content": body.encode()} if isinstance(body, str) else {"json": body}


async def _read(answer: httpx.Response, output: Output) -> None:
    async for part in answer.aiter_bytes():
        output.feed(part)
        if output.size > MOST_BYTES:
            return
