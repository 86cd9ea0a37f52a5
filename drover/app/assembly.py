"""The use cases about resources, put together for a server."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from drover.app.access.throttle import Rule, Throttle, Window
from drover.app.application_stats import ApplicationStats
from drover.app.applications import ApplicationHook, Applications, own_only, owned
from drover.app.archives.asking import ArchiveConfigHook, Archives
from drover.app.archives.csv_form import CSV
from drover.app.archives.sources import ArchiveRoom
from drover.app.catalog import Catalog, Hook
from drover.app.credentials import CredentialKeys
from drover.app.custom_nodes import CustomNodes
from drover.app.dashboard_reports import DashboardReportHook
from drover.app.dashboards import DashboardHook
from drover.app.device_attributes import DeviceAttributes
from drover.app.device_commands import DeviceCommands
from drover.app.device_recipes import DeviceRecipes
from drover.app.device_reports import DeviceReports
from drover.app.device_series import DeviceSeries
from drover.app.devices import Devices
from drover.app.endpoint_calls import EndpointCalls
from drover.app.endpoints import Endpoints
from drover.app.events import Events
from drover.app.experience import ExperienceGroupHook, ExperienceGroups, ExperienceUserHook
from drover.app.experience_hosts import OwnNames
from drover.app.experience_sign_in import ExperienceSignIn
from drover.app.experience_site import (
    ExperienceNameHook,
    ExperienceSite,
    ExperienceVersionHook,
)
from drover.app.experience_whole import ExperienceWhole
from drover.app.files import FileTree
from drover.app.flow_import import FlowImport
from drover.app.flow_pace import FlowPace
from drover.app.flow_saving import FlowSaving
from drover.app.flow_triggers import DeviceTriggers, EventTriggers, RowTriggers
from drover.app.flows import Flows
from drover.app.job_logs import JobLogs
from drover.app.linked_resources import LinkedResources
from drover.app.live.pace import Pace
from drover.app.live.publishing import Publishing
from drover.app.live.watching import Watching
from drover.app.long_tasks import MOST_WAITING, LongTasks
from drover.app.notebooks.hook import NotebookHook
from drover.app.notebooks.minutes import NotebookMinutes
from drover.app.owned_dashboards import OwnedDashboardHook
from drover.app.payload_counts import PayloadCounter, PayloadCounts
from drover.app.recent import RecentItems
from drover.app.replies import AwaitedReplies
from drover.app.rows import TableRows
from drover.app.search import NameSearch
from drover.app.transfers import Transfers
from drover.app.tree import TreeHook
from drover.app.webhooks import Webhooks, WebhookTokens
from drover.app.workflows import Workflows
from drover.ports.archives import Nowhere
from drover.ports.bus import Silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from drover.app.applications import Owners, Seen
    from drover.app.archives.forms import Form
    from drover.app.device_reports import ReportHook
    from drover.app.experience import Hasher
    from drover.app.rows import RowHook
    from drover.model.kind import Kind
    from drover.ports.archives import Places
    from drover.ports.bus import Bus
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Store

EVENTS_WINDOW_MS: Final = 15_000

Hooks = dict[str, list[Hook]]
"""What belongs to changes of resources, by kind."""


@dataclass(frozen=True, kw_only=True)
class CallLimits:
    """How often webhooks may be called and devices speak, and who waits for a reply how long.

    ``webhook_calls`` are those of one webhook in ten seconds, ``messages`` those of a device or on
    a topic and ``connections`` those of an application in fifteen; ``sends`` are those of workflows
    to a topic or a device in fifteen, ``presses`` of a button in ten. 0 stands for any number.
    """

    webhook_calls: int = 0
    messages: int = 0
    connections: int = 0
    sends: int = 0
    presses: int = 0
    waiting: int = 500
    reply_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the use cases stand on, and whose applications a caller may make and see.

    ``most_events`` are those that one application may raise in 15 seconds, 0 for any number. Live
    messages pass on ``bus``. ``wake_tasks`` is called after a long task was stored;
    ``most_waiting_tasks`` of one application may be unfinished. Archives go to ``places``, in
    ``archive_form``. ``token_key`` signs the tokens of experience users; without one they are good
    until the server stops. No experience answers at ``own_names``.
    """

    store: Store
    ids: Ids
    clock: Clock
    kinds: Sequence[Kind[Any]]
    hasher: Hasher
    owners: Owners = own_only
    seen: Seen = owned
    most_events: int = 0
    calls: CallLimits = field(default_factory=CallLimits)
    bus: Bus = field(default_factory=Silence)
    wake_tasks: Callable[[], None] = lambda: None
    most_waiting_tasks: int = MOST_WAITING
    places: Places = field(default_factory=Nowhere)
    archive_form: Form = CSV
    token_key: bytes = b""
    own_names: OwnNames = field(default_factory=OwnNames)


@dataclass(frozen=True, kw_only=True)
class Library:
    """The use cases about resources."""

    catalog: Catalog
    applications: Applications
    rows: TableRows
    events: Events
    devices: Devices
    reports: DeviceReports
    commands: DeviceCommands
    publishing: Publishing
    watching: Watching
    flows: Flows
    workflows: Workflows
    flow_import: FlowImport
    attributes: DeviceAttributes
    recent: RecentItems
    replies: AwaitedReplies
    webhooks: Webhooks
    endpoints: Endpoints
    transfers: Transfers
    recipes: DeviceRecipes
    site: ExperienceSite
    experience: ExperienceWhole
    endpoint_calls: EndpointCalls
    search: NameSearch
    counter: PayloadCounter
    flow_pace: FlowPace
    tasks: LongTasks
    archives: Archives
    readings: tuple[object, ...]
    """What only looks: nobody but a face asks for one of these."""

    @property
    def services(self) -> tuple[object, ...]:
        """What faces ask for."""
        return (
            self.catalog,
            self.applications,
            self.rows,
            self.events,
            self.devices,
            self.reports,
            self.commands,
            self.publishing,
            self.watching,
            self.flows,
            self.workflows,
            self.flow_import,
            self.attributes,
            self.recent,
            self.replies,
            self.webhooks,
            self.endpoints,
            self.transfers,
            self.recipes,
            self.site,
            self.experience,
            self.endpoint_calls,
            self.search,
            self.counter,
            self.flow_pace,
            self.tasks,
            self.archives,
            self.endpoints.sign_in,
            *self.readings,
        )


def library(
    around: Surroundings,
    more_hooks: Iterable[Mapping[str, Sequence[Hook]]],
    row_hooks: Sequence[RowHook] = (),
    report_hooks: Sequence[ReportHook] = (),
) -> Library:
    """Return the use cases; ``more_hooks`` run after those of the resources themselves."""
    store, ids, clock = around.store, around.ids, around.clock
    tasks = LongTasks(store, ids, around.wake_tasks, around.most_waiting_tasks)
    counter = PayloadCounter(clock)
    hooks = _all_hooks(around, tasks, more_hooks)
    catalog = Catalog(store, ids, around.kinds, hooks, counter.made)
    reports = DeviceReports(store, ids, clock, report_hooks, around.bus, counter)
    commands = DeviceCommands(store, ids, around.bus, counter)
    pace = Pace(clock, around.calls.messages, around.calls.connections)
    replies, devices = _replies(around), Devices(store, catalog, counter.note)
    return Library(
        catalog=catalog,
        applications=Applications(store, catalog, ids, around.seen),
        rows=TableRows(store, catalog, ids, (RowTriggers(), *row_hooks), counter.note),
        events=Events(store, catalog, ids, _rate(around), counter.note),
        devices=devices,
        reports=reports,
        commands=commands,
        publishing=Publishing(around.bus, reports, commands, pace),
        watching=Watching(store, around.bus, ids),
        flows=Flows(store, catalog),
        workflows=Workflows(store),
        flow_import=FlowImport(store, catalog, ids),
        attributes=DeviceAttributes(store, catalog),
        recent=RecentItems(store, around.seen),
        replies=replies,
        webhooks=Webhooks(store, ids, clock, replies, around.calls.webhook_calls),
        endpoints=_endpoints(around, replies),
        transfers=Transfers(store, catalog, around.owners),
        recipes=DeviceRecipes(store, catalog, devices),
        site=ExperienceSite(store, catalog),
        experience=ExperienceWhole(store, catalog, ids),
        endpoint_calls=EndpointCalls(store, clock),
        search=NameSearch(store, around.kinds),
        counter=counter,
        flow_pace=FlowPace(clock, around.calls.sends, around.calls.presses),
        tasks=tasks,
        archives=Archives(store, tasks, around.places),
        readings=_readings(around),
    )


def _readings(around: Surroundings) -> tuple[object, ...]:
    store = around.store
    payloads, minutes = PayloadCounts(store, around.clock), NotebookMinutes(store)
    return (
        ApplicationStats(store, payloads, minutes),
        DeviceSeries(store),
        ExperienceGroups(store),
        CustomNodes(store),
        LinkedResources(store),
        payloads,
        JobLogs(store),
        ArchiveRoom(store, around.places, around.archive_form),
        minutes,
    )


def _replies(around: Surroundings) -> AwaitedReplies:
    limits = around.calls
    return AwaitedReplies(around.store, most=limits.waiting, seconds=limits.reply_seconds)


def _endpoints(around: Surroundings, replies: AwaitedReplies) -> Endpoints:
    throttle, key = Throttle(around.clock), around.token_key or around.ids.secret(32).encode()
    sign_in = ExperienceSignIn(around.store, around.clock, around.hasher, throttle, key)
    return Endpoints(around.store, around.ids, replies, sign_in, around.own_names)


def _all_hooks(
    around: Surroundings, tasks: LongTasks, more_hooks: Iterable[Mapping[str, Sequence[Hook]]]
) -> Hooks:
    hooks = _own_hooks(around, tasks)
    for more in more_hooks:
        for kind, added in more.items():
            hooks[kind] += added
    return hooks


def _own_hooks(around: Surroundings, tasks: LongTasks) -> Hooks:
    hooks: Hooks = defaultdict(list)
    saving = FlowSaving(around.ids)
    hooks["application"] += [
        ApplicationHook(tasks, around.owners),
        ArchiveConfigHook(around.places),
    ]
    hooks["device"] += [TreeHook(), DeviceTriggers()]
    hooks["event"].append(EventTriggers())
    hooks["experienceUser"].append(ExperienceUserHook(around.hasher))
    hooks["experienceGroup"] += [TreeHook(), ExperienceGroupHook()]
    hooks["flow"].append(saving)
    hooks["flowVersion"].append(saving)
    hooks["notebook"].append(NotebookHook())
    hooks["webhook"].append(WebhookTokens(around.ids))
    hooks["credential"].append(CredentialKeys())
    for name in ("applicationDashboard", "dashboard"):
        hooks[name] += [DashboardHook(around.hasher), DashboardReportHook()]
    hooks["dashboard"].append(OwnedDashboardHook())
    hooks["experienceVersion"].append(ExperienceVersionHook())
    for name in ("experienceDomain", "experienceSlug"):
        hooks[name].append(ExperienceNameHook())
    for name in ("file", "privateFile"):
        hooks[name].append(FileTree(around.ids))
    return hooks


def _rate(around: Surroundings) -> Window | None:
    if not around.most_events:
        return None
    return Window(around.clock, Rule(around.most_events, EVENTS_WINDOW_MS))
