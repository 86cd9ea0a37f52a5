"""Beacons: the workers that take jobs, what each works on, and whether jobs are handed out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from drover.app.beacon_registry import BeaconRegistry
from drover.app.beacons.settings import BeaconSettings
from drover.faces.console._site import Site, act, page
from drover.faces.console.inventory import CHANGES, READS
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from drover.app.beacon_registry import Listed
    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation
    from drover.model.access import Caller
    from drover.ports.beacon_registry import Queue
    from drover.ports.beacons import Setting

BEACONS: Final = "/console/beacons"
SECTION: Final = "beacons"
MOST_WORKERS: Final = 500
"""Workers that are shown."""

MOST_JOBS: Final = 50
"""Jobs of a beacon that are shown: those worked on, and those that wait."""

_LONGEST_NAME: Final = 255


class _Pages:
    """The pages of beacons."""

    def __init__(self, services: Services) -> None:
        self._registry = services[BeaconRegistry]
        self._settings = services[BeaconSettings]

    async def list(self, visit: Visit) -> Answer:
        """List beacons and their workers."""
        caller = visit.call.caller
        workers, more = await self._workers(caller)
        settings = await self._settings.all(caller)
        return visit.show(
            "beacons.html",
            SECTION,
            workers=workers,
            more=more,
            beacons=_beacons(workers, settings, await self._registry.queues(caller)),
            changes=await visit.may(CHANGES),
        )

    async def show(self, visit: Visit) -> Answer:
        """Show the jobs that a beacon works on, and those that wait for it."""
        caller, name = visit.call.caller, _name(visit.call.query)
        settings = [each for each in await self._settings.all(caller) if each.name == name]
        working, waiting = await self._registry.work_of(caller, name, MOST_JOBS)
        queued = {each.name: each.queued for each in await self._registry.queues(caller)}
        return visit.show(
            "beacon.html",
            SECTION,
            name=name,
            paused=any(each.paused for each in settings),
            working=working,
            waiting=waiting,
            queued=queued.get(name, 0),
            changes=await visit.may(CHANGES),
        )

    async def pause(self, visit: Visit) -> Answer:
        """Hand out no jobs of a beacon."""
        return await self._set(visit, paused=True)

    async def resume(self, visit: Visit) -> Answer:
        """Hand out jobs of a beacon again."""
        return await self._set(visit, paused=False)

    async def _set(self, visit: Visit, *, paused: bool) -> Answer:
        name = _name(visit.form)
        await self._settings.put(visit.call.caller, name, paused=paused)
        return visit.go(f"{BEACONS}/one", name=name, done="beacon")

    async def _workers(self, caller: Caller) -> tuple[Sequence[Listed], bool]:
        found: list[Listed] = []
        async for some in self._registry.pages(caller):
            found += some
            if len(found) > MOST_WORKERS:
                break
        return found[:MOST_WORKERS], len(found) > MOST_WORKERS


def _beacons(
    workers: Iterable[Listed], settings: Iterable[Setting], queues: Iterable[Queue]
) -> list[Mapping[str, Any]]:
    """Return what is known of each beacon, by name: who works for it, what waits, if it may."""
    nothing = {"alive": 0, "lost": 0, "queued": 0, "paused": False}
    known: dict[str, dict[str, Any]] = defaultdict(nothing.copy)
    for queue in queues:
        known[queue.name]["queued"] = queue.queued
    for each in workers:
        for name in each.worker.names:
            known[name]["lost" if each.status == "lost" else "alive"] += 1
    for setting in settings:
        known[setting.name]["paused"] = known[setting.name]["paused"] or setting.paused
    return [{"name": name, **known[name]} for name in sorted(known)]


def _name(given: Mapping[str, str]) -> str:
    name = given.get("name", "")
    if not 0 < len(name) <= _LONGEST_NAME:
        raise Invalid(f"A beacon's name has 1 to {_LONGEST_NAME} characters", field="name")
    return name


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations; names are parameters, as they may hold any character."""
    site, pages = Site.of(services), _Pages(services)
    yield page(site, BEACONS, READS, pages.list)
    yield page(site, f"{BEACONS}/one", READS, pages.show)
    yield act(site, f"{BEACONS}/pause", CHANGES, pages.pause)
    yield act(site, f"{BEACONS}/resume", CHANGES, pages.resume)
