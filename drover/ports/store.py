"""The store as the use cases and the engine see it: units of work on durable tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.ports.access import Access
    from drover.ports.archives import ArchiveSources
    from drover.ports.audit import Audit
    from drover.ports.beacon_registry import BeaconRegistryArea
    from drover.ports.beacons import Beacons
    from drover.ports.bundles import Bundles
    from drover.ports.counts import Counts
    from drover.ports.dashboards import Dashboards
    from drover.ports.flows import FlowIndex
    from drover.ports.inventory import BulkWork, Inventory
    from drover.ports.jobs import Jobs
    from drover.ports.presence import Presence
    from drover.ports.replies import Replies
    from drover.ports.reports import Reports
    from drover.ports.resources import Resources
    from drover.ports.retention import Retention
    from drover.ports.rows import Rows
    from drover.ports.search import Search
    from drover.ports.silences import Silences
    from drover.ports.tasks import Tasks

T = TypeVar("T")


class Session(Protocol):
    """One transaction: each attribute is one area of the store, all in the same unit of work.

    Inside a unit of work nothing may be awaited but methods of the session.
    """

    @property
    def resources(self) -> Resources:
        """Resources of every kind."""
        ...

    @property
    def rows(self) -> Rows:
        """Rows of data tables."""
        ...

    @property
    def reports(self) -> Reports:
        """What devices report and are told."""
        ...

    @property
    def access(self) -> Access:
        """Accounts, organisations, tokens, keys, and whose each application is."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Executions, their items, firings and schedules."""
        ...

    @property
    def flows(self) -> FlowIndex:
        """The triggers of flows, found by what they wait for."""
        ...

    @property
    def inventory(self) -> Inventory:
        """Jobs of every kind, side by side."""
        ...

    @property
    def bulk(self) -> BulkWork:
        """Operations that change many jobs."""
        ...

    @property
    def presence(self) -> Presence:
        """Which devices are connected, and to which server."""
        ...

    @property
    def beacons(self) -> Beacons:
        """Jobs of beacons, their logs and settings."""
        ...

    @property
    def retention(self) -> Retention:
        """What is past its time."""
        ...

    @property
    def beacon_registry(self) -> BeaconRegistryArea:
        """Workers that take the jobs of beacons."""
        ...

    @property
    def bundles(self) -> Bundles:
        """Imports of applications, and files to fetch."""
        ...

    @property
    def archives(self) -> ArchiveSources:
        """What archives are made from."""
        ...

    @property
    def tasks(self) -> Tasks:
        """Executions that are long tasks."""
        ...

    @property
    def replies(self) -> Replies:
        """Replies that requests wait for."""
        ...

    @property
    def silences(self) -> Silences:
        """The clocks of devices' silence."""
        ...

    @property
    def counts(self) -> Counts:
        """How much moved."""
        ...

    @property
    def search(self) -> Search:
        """What resources of every kind are called."""
        ...

    @property
    def audit(self) -> Audit:
        """Who changed what of organisations."""
        ...

    @property
    def dashboards(self) -> Dashboards:
        """Dashboards, whosever they are."""
        ...

    async def now_ms(self) -> int:
        """Return the store's clock in milliseconds since the epoch."""
        ...


class Store(Protocol):
    """Where everything durable is."""

    @property
    def distant(self) -> bool:
        """Whether each statement is a trip to another process, so that fewer are better."""
        ...

    async def write(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run one atomic unit of work; return after it is durable.

        Whatever ``work`` raises is raised here, with nothing of it kept. ``work`` may be run more
        than once, when a unit that it shared a commit with was undone: what it does beside the
        session must come to the same however often.
        """
        ...

    async def write_one(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run work of one writing statement, which is a unit by itself; see ``write``."""
        ...

    async def read(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run reads against one consistent view."""
        ...

    async def glance(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run a few reads by key the fastest way; they may share no view.

        Others may have to wait meanwhile, so nothing that reads many rows belongs here.
        """
        ...
