"""File: Get: the content of a file of the application, or the address that it is fetched at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.file_fields import file_fields
from drover.flows.node import Node
from drover.flows.payload import dated

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    path, common = settings.template("filePathTemplate", required=True), file_fields(settings)
    as_url = settings.flag("isDownloadURL")
    write = settings.writer("destination", required=True, fresh=True)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {**common(payload), "path": path(payload), "asUrl": as_url}

    return Ask("file.get", request, softly(write, _shown))


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    return {"value": found["value"], "metadata": dated(found["metadata"])}


NODE = Node(type="FileGetNode", name="file-get", category="data", compile=_compile)
