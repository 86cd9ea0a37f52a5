"""Figures of live devices: who is let in, what waits, what was dropped, who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drover.app.live.assembly import LiveServices
    from drover.app.live.watching import Watching
    from drover.faces.metrics import RequestMetrics
    from drover.mqtt.fabric import Fabric


def show_devices(metrics: RequestMetrics, fabric: Fabric, devices: LiveServices) -> None:
    """Show the figures of a server that devices come to."""
    callout, inbox, pace = fabric.callout, devices.inbox, devices.pace
    if callout is None:
        return
    counts = {
        "mqtt_admitted": ("Devices let in.", lambda: callout.admitted),
        "mqtt_refused": ("Devices refused: wrong credentials.", lambda: callout.refused),
        "mqtt_put_off": ("Devices put off: too many, or no room.", lambda: callout.put_off),
        "mqtt_persistent": (
            "Devices cut off: they asked for a persistent session.",
            lambda: fabric.sessions.refused,
        ),
        "mqtt_not_theirs": (
            "Messages dropped and subscriptions not granted: not the device's topics.",
            lambda: fabric.violations.count,
        ),
        "mqtt_malformed": (
            "Connections ended: what came over them was no MQTT that is served.",
            lambda: fabric.violations.malformed,
        ),
        "mqtt_cut": ("Connections ended: their right was revoked.", lambda: fabric.cut),
        "mqtt_sent_away": ("Devices sent away: they spoke too often.", lambda: pace.sent_away),
        "mqtt_held_back": ("Times state was left with the broker.", lambda: fabric.held_back),
        "mqtt_unreadable": ("Messages of state with what is no report.", lambda: inbox.unreadable),
        "mqtt_unkept": ("Messages dropped: too much waited.", lambda: inbox.dropped),
        "mqtt_unnoted": ("Comings and goings dropped.", lambda: devices.book.dropped),
        "mqtt_unsent": (
            "Messages dropped on the way to the broker.",
            lambda: fabric.link.dropped + fabric.link.not_sent,
        ),
    }
    for name, (meaning, value) in counts.items():
        metrics.show_count(name, meaning, value)
    backlog = fabric.backlog
    metrics.show(
        "mqtt_backlog_bytes", "State that waits in the broker.", lambda: backlog.waiting_bytes
    )
    metrics.show("mqtt_full", "Whether devices are sent away.", lambda: int(backlog.full))
    metrics.show("mqtt_waiting", "Messages that wait for the store.", lambda: inbox.waiting)


def show_watching(metrics: RequestMetrics, watching: Watching) -> None:
    """Show the figures of those who watch."""
    metrics.show("streams_open", "Streams of live messages.", lambda: watching.streams)
    metrics.show_count("streams_cut", "Streams ended: slow readers.", lambda: watching.cut)
