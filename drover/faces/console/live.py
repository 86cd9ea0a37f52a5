"""Messages of an application's devices, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.app.live.watching import Watching, check_topic
from drover.faces.console._rendering import SECURITY
from drover.faces.console._site import Site, page
from drover.faces.live_events import MESSAGE, LiveEvents, message, reading
from drover.faces.operation import Answer
from drover.faces.progress_events import EVENT_STREAM
from drover.faces.streaming import while_let_in
from drover.kinds.application import KIND
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Operation

LIVE: Final = "/console/applications/{applicationId}/live"
SECTION: Final = "live"


class _Pages:
    """The page of a topic, and the stream that it follows."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show(self, visit: Visit) -> Answer:
        """Watch a topic."""
        topic = visit.asked("topic")
        fault = ""
        try:
            if topic:
                check_topic(topic)
        except Invalid as error:
            fault = error.message
        status = 400 if fault else 200
        return await visit.show_within("live.html", SECTION, status, topic=topic, fault=fault)

    async def stream(self, visit: Visit) -> Answer:
        """Stream the messages of a topic."""
        shown = reading(visit.call, MESSAGE, message)
        watching = self._services[Watching]
        stream = await watching.topic(visit.call.application_id, visit.asked("topic"), shown)
        headers = {**SECURITY, "X-Accel-Buffering": "no"}
        return Answer(
            LiveEvents(stream), headers=headers, media_type=EVENT_STREAM, still=while_let_in
        )


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations."""
    site, pages = Site.of(services), _Pages(services)
    reads = KIND.scopes("get") & KIND.scopes("mqttSubscriptionStream", reads=True)
    yield page(site, LIVE, reads, pages.show)
    yield page(site, f"{LIVE}/stream", reads, pages.stream)
