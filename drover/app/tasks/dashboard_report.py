"""Send a report of a dashboard: what it shows, in words, to those who asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.about import ServerFacts
from drover.app.long_tasks import LongTask
from drover.kinds.dashboard import KIND as IN_APPLICATION
from drover.kinds.owned_dashboard import KIND as OWNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.model.kind import Kind
    from drover.ports.store import Session
    from drover.ports.tasks import Output, Task

_DEFAULT_SUBJECT: Final = "Dashboard report: {name}"


class DashboardReport:
    """Writes the letter; it is sent with the word that the job has ended."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def run(self, task: Task) -> Output:
        """Return the letter."""
        found = await task.step(lambda session: _read(session, task.input["dashboardId"]))
        lines = list(_lines(found, task.input))
        lines.append(f"{self._url}/dashboards/{task.input['dashboardId']}")
        subject = task.input.get("subject") or _DEFAULT_SUBJECT.format(name=found["name"])
        return {"letter": {"subject": subject, "text": "\n".join(lines)}}


async def _read(session: Session, dashboard_id: str) -> Any:
    """Return what of a dashboard a report tells."""
    place = await session.dashboards.place(dashboard_id)
    kind: Kind[Any] = OWNED if place.kind == OWNED.one else IN_APPLICATION
    shown = await session.resources.get_bytes(kind, place.kept_under, dashboard_id)
    document = msgspec.json.decode(shown)
    blocks = [
        {"title": each.get("title") or each["blockType"], "type": each["blockType"]}
        for each in document.get("blocks", ())
    ]
    about = document.get("description") or ""
    return {"name": document["name"], "description": about, "blocks": blocks}


def _lines(found: Any, wanted: Any) -> Iterator[str]:
    if wanted.get("message"):
        yield from (wanted["message"], "")
    yield from (found["name"], found["description"], "")
    for block in found["blocks"]:
        yield f"- {block['title']} ({block['type']})"
    yield ""


def _make(services: Services) -> DashboardReport:
    return DashboardReport(services[ServerFacts].url)


TASK = LongTask("dashboard_report", "DashboardReport", _make)
