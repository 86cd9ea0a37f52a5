"""File: Create: write a file of the application, from text or from an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.file_fields import file_fields
from drover.flows.node import Node
from drover.flows.payload import dated

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


_TEXTS: Final = {
    "parentDirectoryTemplate": "directory",
    "contentTypeTemplate": "contentType",
    "fileContentsTemplate": "contents",
    "fileUrlTemplate": "url",
}


def _compile(settings: Settings) -> Action:
    name, common = settings.template("fileNameTemplate", required=True), file_fields(settings)
    texts = {field: settings.template(key) for key, field in _TEXTS.items()}
    overwrites = settings.flag("shouldOverwrite")

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        given = {field: render(payload) for field, render in texts.items()}
        return {**common(payload), **given, "name": name(payload), "overwrites": overwrites}

    write = settings.writer("resultPath", fresh=True)
    return Ask("file.create", request, softly(write, dated), apart=True)


NODE = Node(type="FileCreateNode", name="file-create", category="data", compile=_compile)
