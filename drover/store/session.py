"""Units of work: one transaction with an attribute for each area of the store."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from drover.store.access import AccessTables
from drover.store.archives import ArchiveTables
from drover.store.audit import AuditStore
from drover.store.beacon_registry import BeaconRegistryStore
from drover.store.beacons import BeaconStore
from drover.store.bundles import BundleStore
from drover.store.counts import CountStore
from drover.store.dashboards import DashboardStore
from drover.store.flows import FlowStore
from drover.store.inventory import BulkArea, InventoryArea
from drover.store.jobs import JobStore, WorkMade
from drover.store.presence import PresenceStore
from drover.store.reactions import ReplyTable, SilenceTable
from drover.store.reports import ReportStore
from drover.store.resources import ResourceStore
from drover.store.retention import RetentionTables
from drover.store.rows import RowStore
from drover.store.search import SearchStore
from drover.store.tasks import TaskStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.ports.store import Session
    from drover.store.driver import Database, Transaction

T = TypeVar("T")

_NOTHING: Final = WorkMade(fired=False, scheduled=False)


def _nobody() -> None:
    """Tell nobody."""


class StoreSession:
    """One unit of work; see ``drover.ports.store.Session``."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx

    @property
    def work_made(self) -> WorkMade:
        """What this unit of work stored that others have to act on."""
        jobs: JobStore | None = self.__dict__.get("jobs")
        return _NOTHING if jobs is None else jobs.work_made

    @property
    def awaits_messages(self) -> bool:
        """Whether this unit of work stored triggers on messages."""
        flows: FlowStore | None = self.__dict__.get("flows")
        return flows is not None and flows.awaits_messages

    @cached_property
    def rows(self) -> RowStore:
        """Rows of data tables."""
        return RowStore(self.tx)

    @cached_property
    def reports(self) -> ReportStore:
        """What devices report and are told."""
        return ReportStore(self.tx)

    @cached_property
    def resources(self) -> ResourceStore:
        """Resources of every kind."""
        return ResourceStore(self.tx)

    @cached_property
    def access(self) -> AccessTables:
        """Accounts, organisations, tokens, keys, and whose each application is."""
        return AccessTables(self.tx)

    @cached_property
    def jobs(self) -> JobStore:
        """Executions, their items, firings and schedules."""
        return JobStore(self.tx)

    @cached_property
    def flows(self) -> FlowStore:
        """Workflows: their triggers, what they keep, what became of their runs."""
        return FlowStore(self.tx)

    @cached_property
    def inventory(self) -> InventoryArea:
        """Jobs of every kind, side by side."""
        return InventoryArea(self.tx)

    @cached_property
    def bulk(self) -> BulkArea:
        """Operations that change many jobs."""
        return BulkArea(self.tx)

    @cached_property
    def presence(self) -> PresenceStore:
        """Which devices are connected, and to which server."""
        return PresenceStore(self.tx)

    @cached_property
    def beacons(self) -> BeaconStore:
        """Jobs of beacons, their logs and settings."""
        return BeaconStore(self.tx)

    @cached_property
    def retention(self) -> RetentionTables:
        """What is past its time."""
        return RetentionTables(self.tx)

    @cached_property
    def beacon_registry(self) -> BeaconRegistryStore:
        """Workers that take the jobs of beacons."""
        return BeaconRegistryStore(self.tx)

    @cached_property
    def bundles(self) -> BundleStore:
        """Imports of applications, and files to fetch."""
        return BundleStore(self.tx)

    @cached_property
    def archives(self) -> ArchiveTables:
        """What archives are made from."""
        return ArchiveTables(self.tx)

    @cached_property
    def tasks(self) -> TaskStore:
        """Executions that are long tasks."""
        return TaskStore(self.tx)

    @cached_property
    def replies(self) -> ReplyTable:
        """Replies that requests wait for."""
        return ReplyTable(self.tx)

    @cached_property
    def silences(self) -> SilenceTable:
        """The clocks of devices' silence."""
        return SilenceTable(self.tx)

    @cached_property
    def counts(self) -> CountStore:
        """How much moved."""
        return CountStore(self.tx)

    @cached_property
    def search(self) -> SearchStore:
        """What resources of every kind are called."""
        return SearchStore(self.tx)

    @cached_property
    def audit(self) -> AuditStore:
        """Who changed what of organisations."""
        return AuditStore(self.tx)

    @cached_property
    def dashboards(self) -> DashboardStore:
        """Dashboards, whosever they are."""
        return DashboardStore(self.tx)

    async def now_ms(self) -> int:
        """Return the store's clock in milliseconds since the epoch."""
        return await self.tx.now_ms()


class SqlStore:
    """The store over an open database; see ``drover.ports.store.Store``.

    ``fired`` is called when something was stored that workflows are to be run for, ``scheduled``
    when something that is due again and again was, whoever stored it: who changes a row or saves a
    workflow does not know what hangs on it. ``awaited`` is waited for where workflows were stored
    that wait for messages, so that they are listened to once their saving is answered.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.fired: Callable[[], None] = _nobody
        self.scheduled: Callable[[], None] = _nobody
        self.awaited: Callable[[], Awaitable[None]] | None = None

    @property
    def distant(self) -> bool:
        """Whether each statement is a trip to another process: PostgreSQL is one."""
        return self.database.dialect == "postgres"

    async def write(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run one atomic unit of work; return after it is durable."""
        return await self._telling(self.database.write, work)

    async def write_one(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run work of one writing statement; return after it is durable."""
        return await self._telling(self.database.write_one, work)

    async def read(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run reads against one consistent view."""
        return await self.database.read(lambda tx: work(StoreSession(tx)))

    async def glance(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run a few keyed reads the fastest way; they may share no view."""
        return await self.database.glance(lambda tx: work(StoreSession(tx)))

    async def _telling(
        self,
        write: Callable[[Callable[[Transaction], Awaitable[T]]], Awaitable[T]],
        work: Callable[[Session], Awaitable[T]],
    ) -> T:
        """Tell what was stored by some work once it is durable."""
        session: StoreSession | None = None

        def run(tx: Transaction) -> Awaitable[T]:
            nonlocal session  # where the work is tried again, what counts is the last try
            session = StoreSession(tx)
            return work(session)

        outcome = await write(run)
        if session is not None:
            await self._tell(session)
        return outcome

    async def _tell(self, session: StoreSession) -> None:
        made = session.work_made
        if made.fired:
            self.fired()
        if made.scheduled:
            self.scheduled()
        if self.awaited is not None and session.awaits_messages:
            await self.awaited()
