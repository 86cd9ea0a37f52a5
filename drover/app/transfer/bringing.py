"""A bundle's resources stored in an application, inside one unit of work: all of them or none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct, structs

from drover.app.applications import GlobalPatch, merge_globals
from drover.app.transfer import rows_text
from drover.app.transfer.ahead import Ahead
from drover.app.transfer.contents import GLOBALS
from drover.app.transfer.file_content import has_content
from drover.app.transfer.fleet import Fleet
from drover.app.transfer.references import ordered, renamed
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.application import Readme
from drover.kinds.credential import KIND as CREDENTIAL
from drover.kinds.credential import lacks_secret
from drover.kinds.dashboard import KIND as DASHBOARD
from drover.kinds.data_table import KIND as TABLE
from drover.model.bodies import convert
from drover.model.bundle import Download
from drover.model.errors import DroverError, Duplicate, Flaw, Invalid, Missing
from drover.model.fields import is_id
from drover.model.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping, Sequence

    from drover.app.catalog import Catalog
    from drover.app.rows import TableRows
    from drover.app.transfer.contents import Contents, Given
    from drover.app.transfer.file_content import Kept
    from drover.kinds.application import Application
    from drover.model.access import Caller
    from drover.model.fields import Global
    from drover.model.kind import Kind, Stamp
    from drover.ports.clock import Ids
    from drover.ports.store import Session

Conflict = Literal["create", "error", "retain", "replace"]

BATCH: Final = 1000
ROWS_BATCH: Final = 5000
MOST_FLAWS: Final = 100
"""An import that has found as many looks for no more."""

_AWAKE: Final = frozenset({"Flow", "Integration"})
"""What runs by itself once it is there and enabled."""
_NAMED_ONCE: Final = frozenset({"experienceDomain", "experienceSlug"})
"""Kinds whose names only one application may have."""


class Rule(Struct, frozen=True, kw_only=True):
    """How a bundle is brought in.

    ``conflict`` says what becomes of a resource that the application has already: ``create`` makes
    another one, ``error`` refuses the bundle, ``retain`` keeps the old one, ``replace`` gives it
    the bundle's content. ``asleep`` leaves workflows and integrations disabled, and dashboards
    without the reports that would be sent to those of the original.
    """

    conflict: Conflict = "create"
    asleep: bool = False


@dataclass(slots=True)
class Brought:
    """What an import did: how many resources of each kind, how many rows.

    ``left_out`` are names that another application has and only one may; ``without_secret`` are the
    credentials that are of no use before somebody fills their secrets in.
    """

    created: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    retained: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    without_secret: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tools:
    """What bringing in needs of the rest of the program."""

    catalog: Catalog
    rows: TableRows
    ids: Ids


@dataclass(frozen=True, slots=True)
class Errand:
    """One import: who brings what into which application, and how."""

    caller: Caller
    application_id: str
    contents: Contents
    rule: Rule
    files: Mapping[str, Kept] = field(default_factory=dict)


def settings_of(errand: Errand, current: Application, now_ms: int) -> dict[str, Any]:
    """Return what a bundle changes of an application itself beside its name, by attribute.

    What is set already, be it to ``false``, is only changed where the import replaces.
    """
    contents, caller = errand.contents, errand.caller
    found = contents.application.settings
    if contents.readme:
        found["readme"] = Readme(
            content=contents.readme,
            last_updated=to_text(now_ms),
            last_updated_by_id=caller.id,
            last_updated_by_type=caller.type,
        )
    replaces = errand.rule.conflict == "replace"
    return {
        name: own
        for name, own in found.items()
        if replaces or getattr(current, name) in (UNSET, "")
    }


async def bring(tools: Tools, session: Session, errand: Errand) -> Brought:
    """Store all that a bundle holds.

    Raises Invalid with a flaw for each resource that cannot be stored.
    """
    bringing = _Bringing(tools, session, errand)
    await bringing.run()
    return bringing.brought


class _Bringing:
    """One import under way."""

    def __init__(self, tools: Tools, session: Session, errand: Errand) -> None:
        self._tools = tools
        self._session = session
        self._errand = errand
        self._contents = errand.contents
        self._application_id = errand.application_id
        self._now_ms = 0
        self._new: dict[str, str] = {}
        self._fates: dict[str, list[str]] = {}
        self._flaws: list[Flaw] = []
        self._taken: list[str] = []
        self._later: list[tuple[Kind[Any], Given, str, dict[str, Any]]] = []
        self.brought = Brought()

    async def run(self) -> None:
        """Store everything; raises Invalid."""
        order = ordered(self._contents.kinds)
        self._now_ms = await self._session.now_ms()
        for kind in order.kinds:
            await self._decide(kind)
        self._new[self._contents.application.id.lower()] = self._application_id
        for old in self._contents.old_ids:
            self._new.setdefault(old, self._tools.ids.new())
        for kind in order.kinds:
            if kind.fleet_sized:
                await self._fleet(kind)
            await self._each(kind, order.later[kind.one])
        for kind, given, own_id, values in self._later:
            await self._guarded(kind, given, self._set(kind, own_id, values))
        await self._rows()
        await self._own()
        self._check()
        for note_id in self._taken:
            await self._session.bundles.remove_download(note_id)

    async def _decide(self, kind: Kind[Any]) -> None:
        """Find which of a kind's resources the application has already."""
        conflict = self._errand.rule.conflict
        makes_anew = conflict == "create" and not kind.bundled_once
        existing = {} if makes_anew else await self._existing(kind)
        fates = []
        for given in self._contents.given[kind.one]:
            own = existing.get(self._key(kind, given), [])
            fate = own.pop(own.index(given.id) if given.id in own else 0) if own else ""
            if fate and conflict == "error":
                self.note(kind, given, Duplicate(f"{kind.title} already exists"))
            if fate:
                self._new[given.id] = fate
            fates.append(fate)
        self._fates[kind.one] = fates

    async def _existing(self, kind: Kind[Any]) -> dict[tuple[Any, ...], list[str]]:
        found: dict[tuple[Any, ...], list[str]] = {}
        after = ""
        while page := await self._session.resources.after(kind, self._application_id, after, BATCH):
            for document in page:
                value = msgspec.json.decode(document)
                key = tuple(value.get(name) for name in kind.known_by)
                found.setdefault(key, []).append(value["id"])
                after = value["id"]
        return found

    def _key(self, kind: Kind[Any], given: Given) -> tuple[Any, ...]:
        value = msgspec.json.decode(given.document)
        own = (value.get(name) for name in kind.known_by)
        return tuple(self._new.get(each, each) if isinstance(each, str) else None for each in own)

    async def _each(self, kind: Kind[Any], later: frozenset[str]) -> None:
        given = self._contents.given[kind.one]
        for one, fate in zip(given, self._fates[kind.one], strict=True):
            if fate and (self._errand.rule.conflict != "replace" or kind.parent):
                self.brought.retained[kind.one] += 1
            elif fate:
                await self._guarded(kind, one, self._replace(kind, one, fate))
            elif not kind.fleet_sized:
                await self._guarded(kind, one, self._add(kind, one, later))

    async def _fleet(self, kind: Kind[Any]) -> None:
        pairs = zip(self._contents.given[kind.one], self._fates[kind.one], strict=True)
        fleet = [given for given, fate in pairs if not fate]
        store = Fleet(self._session, kind, self._application_id, self)
        self.brought.created[kind.one] += await store.add(fleet, self._new)

    async def _guarded(self, kind: Kind[Any], given: Given, act: Awaitable[None]) -> None:
        """Act, and note what is wrong with the resource; raises Invalid once it is enough."""
        try:
            await act
        except (Invalid, Missing) as error:
            self.note(kind, given, error)
            if isinstance(error, Duplicate):
                self._check()  # the store refused it, which ends the unit of work

    async def _add(self, kind: Kind[Any], given: Given, later: frozenset[str]) -> None:
        value = self.decoded(given)
        within = await self._within(kind, value)
        full = await self._detached(kind, self.made(kind, given, value, within))
        waiting = {name: own for name in later if (own := getattr(full, name))}
        made = structs.replace(full, **dict.fromkeys(waiting, UNSET))
        if await self._is_elsewhere(kind, made):
            self.brought.left_out[kind.one] += 1
            return
        await self._tools.catalog.add(self._session, self._errand.caller, kind, made)
        self.brought.created[kind.one] += 1
        if kind is CREDENTIAL and lacks_secret(made):
            self.brought.without_secret.append(made.name)
        if waiting:
            self._later.append((kind, given, made.id, waiting))

    async def _is_elsewhere(self, kind: Kind[Any], made: Any) -> bool:
        """Tell whether another application has a name that nobody else may have."""
        if kind.one not in _NAMED_ONCE:
            return False
        name = getattr(made, kind.named_by)
        return await self._session.resources.by_own_name(kind, name) is not None

    async def _detached(self, kind: Kind[Any], made: Any) -> Any:
        """Return a resource without references to what its bundle left out and nobody has."""
        for name, target in kind.checked_references.items():
            named = getattr(made, name)
            if not named or self._contents.given.get(target):
                continue
            ids = [named] if isinstance(named, str) else list(named)
            aim = self._tools.catalog.kinds[target]
            absent = await self._session.resources.absent(aim, self._application_id, ids)
            if absent:
                kept = UNSET if isinstance(named, str) else tuple(set(ids) - set(absent))
                made = structs.replace(made, **{name: kept})
        return made

    async def _within(self, kind: Kind[Any], value: dict[str, Any]) -> dict[str, str]:
        if not kind.parent:
            return {}
        parent = self._tools.catalog.kinds[kind.parent]
        parent_id = str(value.pop(f"{kind.parent}Id", ""))
        found = await self._session.resources.absent(parent, self._application_id, [parent_id])
        if found:
            raise Invalid(f"{parent.title} {parent_id[:80]} was not found")
        return {kind.parent_field: parent_id}

    async def _replace(self, kind: Kind[Any], given: Given, own_id: str) -> None:
        body = convert(self.decoded(given), kind.bundled_type)
        current = await self._session.resources.lock(kind, self._application_id, own_id)
        new = kind.patch(current, body, self._stamp(own_id))
        new = self._with_content(given, new)
        if has_content(kind) and current.blob_key and new.blob_key != current.blob_key:
            await self._session.bundles.add_download(
                Download(
                    id=self._tools.ids.new(),
                    application_id=self._application_id,
                    key=current.blob_key,
                    name="replaced",
                    expires_ms=self._now_ms,
                )
            )
        await self._change(kind, current, new)
        self.brought.replaced[kind.one] += 1

    async def _set(self, kind: Kind[Any], own_id: str, values: dict[str, Any]) -> None:
        current = await self._session.resources.lock(kind, self._application_id, own_id)
        await self._change(kind, current, structs.replace(current, **values))

    async def _change(self, kind: Kind[Any], current: Any, new: Any) -> None:
        await self._tools.catalog.change(self._session, self._errand.caller, kind, current, new)

    async def _rows(self) -> None:
        tables = self._contents.given.get(TABLE.one, [])
        for given, fate in zip(tables, self._fates.get(TABLE.one, []), strict=True):
            lines = self._contents.rows(given)
            if lines is None or (fate and self._errand.rule.conflict != "replace"):
                continue
            await self._guarded(TABLE, given, self._fill(given, fate, lines))

    async def _fill(self, given: Given, fate: str, lines: Iterator[str]) -> None:
        table_id = fate or self._new[given.id]
        table = await self._session.resources.get(TABLE, self._application_id, table_id)
        if fate:
            await self._session.rows.truncate(table_id)
        found = rows_text.rows(table.columns, (renamed(line, self._new) for line in lines))
        made = map(self._tools.rows.maker(table, self._now_ms), found)
        batches = Ahead(iter(lambda: list(islice(made, ROWS_BATCH)), []))
        try:
            while batch := await batches.next():
                await self._session.rows.add(self._application_id, table_id, batch)
                self.brought.rows += len(batch)
        finally:
            batches.close()

    async def _own(self) -> None:
        """Bring in what the bundle says of the application itself."""
        key = (APPLICATION, self._application_id, self._application_id)
        current = await self._session.resources.lock(*key)
        changes = {"globals": self._globals(current.globals)}
        if self._contents.is_whole:
            changes |= settings_of(self._errand, current, self._now_ms)
        new = structs.replace(current, **changes)
        if new != current:
            now = to_text(self._now_ms)
            await self._change(APPLICATION, current, structs.replace(new, last_updated=now))

    def _globals(self, current: Sequence[Global]) -> Sequence[Global]:
        own = self._contents.application.globals
        if not own or not self._contents.wants(GLOBALS):
            return current
        known = {each.key for each in current}
        changes = [
            GlobalPatch(**{**structs.asdict(each), "json": renamed(each.json, self._new)})
            for each in own
            if each.key not in known or self._errand.rule.conflict == "replace"
        ]
        return merge_globals(current, changes)

    def decoded(self, given: Given) -> dict[str, Any]:
        """Return a resource as the bundle holds it, with new ids."""
        value: dict[str, Any] = msgspec.json.decode(renamed(given.document, self._new))
        return value

    def made(
        self, kind: Kind[Any], given: Given, value: dict[str, Any], within: dict[str, str]
    ) -> Any:
        """Return a new resource; raises Invalid."""
        if self._errand.rule.asleep:
            _put_to_sleep(kind, value)
        body = convert(value, kind.bundled_type)
        made = kind.create(body, self._stamp(self._new[given.id]), within)
        return self._with_content(given, made)

    def _with_content(self, given: Given, file: Any) -> Any:
        kept = self._errand.files.get(given.id)
        if kept is None:
            return structs.replace(file, jupyter_file_name=UNSET) if _is_empty(file) else file
        self._taken.append(kept.id)
        return kept.within(file)

    def _stamp(self, own_id: str) -> Stamp:
        stamp = self._tools.catalog.stamp(self._errand.caller, self._application_id, self._now_ms)
        return replace(stamp, id=own_id)

    def note(self, kind: Kind[Any], given: Given, error: DroverError) -> None:
        """Remember what is wrong with a resource; raises Invalid once it is enough."""
        name = str(msgspec.json.decode(given.document).get(kind.known_by[-1], ""))[:255]
        message = f"{given.path}: {error.message}"
        old_id = given.id if is_id(given.id) else ""
        self._flaws.append(Flaw(given.path, message, error.code, old_id, name))
        if len(self._flaws) >= MOST_FLAWS:
            self._check()

    def _check(self) -> None:
        if self._flaws:
            raise Invalid("The bundle cannot be imported", flaws=tuple(self._flaws))


def _put_to_sleep(kind: Kind[Any], value: dict[str, Any]) -> None:
    """Take from what a bundle holds of a resource all that would act by itself."""
    if kind.exported_as in _AWAKE:
        value["enabled"] = False
    if kind is DASHBOARD:
        value.pop("reportConfigs", None)


def _is_empty(resource: Any) -> bool:
    """Tell whether a notebook has the name of a file, and no file."""
    return bool(getattr(resource, "jupyter_file_name", UNSET)) and not resource.blob_key
