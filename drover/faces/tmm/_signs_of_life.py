"""What workers tell of themselves with whatever they ask: name, version, labels, that they go.

Ours, beside TMM-compatible behaviour, section 8: ``worker`` is the name, ``version`` any text,
``state=draining`` says that the worker takes no more jobs. A worker without a name is nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.app.beacon_registry import BeaconRegistry, Told
from drover.app.beacons.work import BeaconWork
from drover.faces.tmm._refusals import BadParam
from drover.faces.tmm._wishes import beacon_names, hold, labels
from drover.model.beacon_job import DEFAULT_BEACON

if TYPE_CHECKING:
    from drover.app.services import Services
    from drover.faces.operation import Call
    from drover.faces.tmm._given import Given
    from drover.model.access import Caller

MOST_KEPT: Final = 32
"""Names and labels of one worker that are remembered."""

OF_WORKERS: Final = frozenset(
    {"pickup", "start", "update", "heartbeat", "log", "release", "end", "finish"}
)
"""Actions by which a worker shows that it is there."""

_MOST_VERSION: Final = 100
_STATES: Final = ("alive", "draining")


class SignsOfLife:
    """Hands signs of life to the registry."""

    def __init__(self, services: Services) -> None:
        self._registry = services[BeaconRegistry]
        self._work = services[BeaconWork]

    def note(self, call: Call, caller: Caller, given: Given, action: str) -> None:
        """Note a worker that is named in a request that works on jobs; raises BadParam."""
        worker = hold(given).worker
        if worker is None or action not in OF_WORKERS:
            return
        if not worker.isprintable():
            raise BadParam("worker must be printable", field="worker")
        told = told_by(given, asks="job" not in call.path, action=action)
        self._registry.heard(caller, worker, told)
        if told.draining:
            self._work.dismiss(caller, worker)


def told_by(given: Given, *, asks: bool, action: str) -> Told:
    """Return what a worker tells; only with a question for a job it tells which and with what."""
    version = given.filled("version", most=_MOST_VERSION)
    if not asks:
        return Told(version=version)
    state = given.filled("state") or "alive"
    if state not in _STATES:
        raise BadParam(f"state must be one of {', '.join(_STATES)}", field="state")
    names = beacon_names(given)
    kept = names[:MOST_KEPT] or (DEFAULT_BEACON,)
    if action != "pickup":
        return Told(version=version, draining=state == "draining", names=kept if names else None)
    return Told(kept, tuple(sorted(labels(given)))[:MOST_KEPT], version, draining=False)
