"""Reports of executions, by signed addresses that need no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.jobs.reports import PATH, ReportFiles
from drover.faces.operation import Answer, Call, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services


_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the download of a report."""
    files = services[ReportFiles]

    async def download(call: Call) -> Answer:
        execution_id = call.path["executionId"]
        signed = call.text("expires"), call.text("signature")
        found = await files.open(execution_id, *signed, raw=call.flag("raw"))
        return Answer(
            found.content,
            headers={
                "Content-Disposition": f'attachment; filename="{execution_id}.{found.suffix}"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
            media_type=_TYPES.get(found.suffix, "application/octet-stream"),
        )

    yield Operation(
        method="GET",
        path=PATH,
        scopes=None,  # the signature is the key
        run=download,
        name="resourceJobExecution.report",
        summary="Download the report of an execution",
        parameters=("expires", "signature", "raw"),
        ours=True,
    )
