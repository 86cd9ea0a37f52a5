"""What belongs to saving a workflow: checks, keys, the index of its triggers, its timers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, structs

from drover.app.catalog import QuietHook
from drover.flows.keys import GROUP, found_by, group_of, with_keys
from drover.flows.node import node_types
from drover.flows.triggers import UTC
from drover.flows.validate import check_flow
from drover.handlers import REGISTERED
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.model.errors import Invalid, Missing
from drover.model.topics import free_roots
from drover.model.workflow import FlowTrigger
from drover.ports.flows import PUBLISHES, IndexedTrigger
from drover.ports.resources import Listing
from drover.ports.schedules import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.kinds.flow import Flow
    from drover.kinds.flow_version import FlowVersion
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.store import Session

DEVELOP: Final = ""
"""What stands for the develop version where the index names one."""

_TIMER: Final = "timer"
_PUBLISHER: Final = "MqttMessageNode"
_SUFFIX_LENGTH: Final = 9
_LISTED: Final = 3
_ALL: Final = 2**31 - 1


class FlowSaving(QuietHook):
    """The hook of workflows and their versions.

    The server itself, as when it imports, may save one that lacks required settings; such nodes
    throw when they are reached.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        node_types()  # read now: the first check stands within a unit of work

    async def before(
        self, session: Session, caller: Caller, kind: Kind[Any], old: Any, new: Any
    ) -> Any:
        """Return the workflow with all its keys; raises Invalid with each flaw's place."""
        if kind is VERSION and old is None:
            flow = await session.resources.get(FLOW, new.application_id, new.flow_id)
            new = structs.replace(new, flow_class=flow.flow_class)
        if kind is FLOW and new.default_version_id:
            await _check_default(session, new)
        if old is not None and _same(old, new):
            return new
        flow_id = new.flow_id if kind is VERSION else new.id
        given = msgspec.to_builtins(new)
        flaws = check_flow(given, handlers=REGISTERED.keys(), lenient=caller.type == "system")
        if flaws:
            told = "; ".join(f"{flaw.place}: {flaw.message}" for flaw in flaws[:_LISTED])
            raise Invalid(told, flaws=tuple(flaws))
        before = msgspec.to_builtins(old)["triggers"] if old is not None else []
        keyed = with_keys(flow_id, given["triggers"], before, self._suffix)
        return structs.replace(new, triggers=msgspec.convert(keyed, tuple[FlowTrigger, ...]))

    async def after(
        self, session: Session, _caller: Caller, kind: Kind[Any], old: Any, new: Any
    ) -> None:
        """Index the triggers and set the timers of what runs by default."""
        if kind is VERSION:
            await self._version_saved(session, old, new)
        elif new is None:
            await session.jobs.schedules.remove(_TIMER, old.id)
        else:
            await self._flow_saved(session, old, new)

    async def _flow_saved(self, session: Session, old: Flow | None, new: Flow) -> None:
        if old is None or (old.triggers, old.nodes) != (new.triggers, new.nodes):
            triggers = _indexed(new.id, DEVELOP, new)
            await session.flows.index(new.application_id, new.id, DEVELOP, triggers)
        if old is None or _runs(old) != _runs(new):
            await set_timers(session, new)
        if old is not None and old.nodes != new.nodes:
            await forget_nodes(session, new, old)

    async def _version_saved(
        self, session: Session, old: FlowVersion | None, new: FlowVersion | None
    ) -> None:
        one = new or old
        if one is None:
            return
        if old is None or new is None:
            triggers = _indexed(one.flow_id, one.id, new) if new else []
            await session.flows.index(one.application_id, one.flow_id, one.id, triggers)
        flow = await _flow_of(session, one)
        if flow is not None and new is None:
            await forget_nodes(session, flow, one)
        if flow is None or flow.default_version_id != one.id:
            return
        if new is None:
            flow = structs.replace(flow, default_version_id=UNSET)
            await session.resources.put(FLOW, flow)
        await set_timers(session, flow)

    def _suffix(self) -> str:
        return self._ids.secret(16).replace("-", "").replace("_", "")[:_SUFFIX_LENGTH]


async def set_timers(session: Session, flow: Flow) -> None:
    """Set the timers of the version that runs; those that stay as they were keep their phase."""
    schedules = session.jobs.schedules
    known = {schedule.ref: schedule for schedule in await schedules.of(_TIMER, flow.id)}
    await schedules.remove(_TIMER, flow.id)
    if not flow.enabled:
        return
    now_ms = await session.now_ms()
    for trigger in await _running_triggers(session, flow):
        if trigger.type == _TIMER and trigger.key is not UNSET:
            schedule = _schedule(flow, trigger, now_ms)
            before = known.get(schedule.ref)
            await schedules.put(before if _alike(before, schedule) and before else schedule)


async def forget_nodes(session: Session, flow: Flow, was: Flow | FlowVersion) -> None:
    """Forget what nodes remember that were in ``was`` and are in no version any more."""
    gone = _node_ids(was) - _node_ids(flow)
    if not gone:
        return
    listing = Listing(sort_field="id", limit=_ALL, within={"flow_id": flow.id})
    versions = await session.resources.page(VERSION, flow.application_id, listing)
    for node_id in sorted(gone.difference(*map(_node_ids, versions.items))):
        await session.flows.memory.forget(flow.id, node_id)


def _node_ids(flow: Flow | FlowVersion) -> set[str]:
    return {str(node.id) for node in flow.nodes if node.id}


async def _running_triggers(session: Session, flow: Flow) -> Sequence[FlowTrigger]:
    if not flow.default_version_id:
        return flow.triggers
    found = await session.resources.absent(VERSION, flow.application_id, [flow.default_version_id])
    if found:
        return ()
    version = await session.resources.get(VERSION, flow.application_id, flow.default_version_id)
    return version.triggers if version.enabled else ()


async def _flow_of(session: Session, version: FlowVersion) -> Flow | None:
    if await session.resources.absent(FLOW, version.application_id, [version.flow_id]):
        return None
    return await session.resources.lock(FLOW, version.application_id, version.flow_id)


async def _check_default(session: Session, flow: Flow) -> None:
    version_id = str(flow.default_version_id)
    try:
        await session.resources.get(VERSION, flow.application_id, version_id, flow.id)
    except Missing as error:
        message = "The version is not one of this workflow at `defaultVersionId`"
        raise Invalid(message, field="defaultVersionId") from error


def _schedule(flow: Flow, trigger: FlowTrigger, now_ms: int) -> Schedule:
    config: Mapping[str, Any] = trigger.config or {}
    cron = config.get("cron") or None
    schedule = Schedule(
        kind=_TIMER,
        ref=f"{flow.id}/{trigger.key}",
        application_id=flow.application_id,
        cron=cron,
        seconds=None if cron is not None else config.get("seconds") or 1,
        tz=config.get("tz") or UTC,
        detail=msgspec.json.encode({"flowId": flow.id, "key": trigger.key}),
    )
    return structs.replace(schedule, next_due_ms=schedule.first_ms(now_ms))


def _alike(one: Schedule | None, two: Schedule) -> bool:
    return one is not None and (one.cron, one.seconds, one.tz) == (two.cron, two.seconds, two.tz)


def _indexed(flow_id: str, version_id: str, flow: Flow | FlowVersion) -> list[IndexedTrigger]:
    """Return the triggers as they are found, and after them the topics that nodes publish on."""
    found: list[IndexedTrigger] = []
    for position, trigger in enumerate(flow.triggers):
        given = msgspec.to_builtins(trigger)
        config = given.get("config") or {}
        group = group_of(flow_id, version_id, given)
        found.append(
            IndexedTrigger(
                position=position,
                type=trigger.type,
                key=found_by(flow_id, given),
                config=msgspec.json.encode({**config, GROUP: group} if group else config),
            )
        )
    for position, root in enumerate(_published(flow), len(found)):
        found.append(IndexedTrigger(position=position, type=PUBLISHES, key=root))
    return found


def _published(flow: Flow | FlowVersion) -> Sequence[str]:
    """Return the first levels of topics that nodes publish on, as far as they are fixed."""
    configs = [node.config or {} for node in flow.nodes if node.type == _PUBLISHER]
    topics = [str(config.get("topicTemplate") or "") for config in configs]
    return sorted(free_roots(each for each in topics if "{{" not in each.split("/", 1)[0]))


def _same(old: Any, new: Any) -> bool:
    """Tell whether a change leaves alone all that a workflow's check looks at."""
    return (old.triggers, old.nodes, old.globals) == (new.triggers, new.nodes, new.globals)


def _runs(flow: Flow) -> tuple[Any, ...]:
    """Return what decides which timers run."""
    return flow.enabled, flow.default_version_id or None, flow.triggers
