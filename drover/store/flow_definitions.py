"""What workers compile: a workflow's definition, with those of the custom nodes within it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct

from drover.model.custom_node import DEFAULT, DEFINITIONS, EXECUTES, definition_key, wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.store.driver import Row, Transaction

MOST_CUSTOM_NODES: Final = 100
"""Custom nodes, and versions of them, that one workflow may run, those within others included."""

_DEVELOP: Final = "develop"
_MARK: Final = f'"{EXECUTES}"'.encode()

Wanted = tuple[str, str]
"""Id and version of a custom node."""


class _Parts(Struct):
    """The parts of a stored flow, version or application that a definition is made from."""

    id: str
    name: str = ""
    version: str = "develop"
    flow_class: str = msgspec.field(default="cloud", name="flowClass")
    triggers: Raw = Raw(b"[]")
    nodes: Raw = Raw(b"[]")
    globals: list[Any] = []
    form: Raw = msgspec.field(default=Raw(b"null"), name="customNodeConfig")


class _Use(Struct):
    """A node, as far as it may stand for a custom one."""

    type: str = ""
    config: dict[str, Any] | None = None


async def definition_of(tx: Transaction, row: Row) -> tuple[str, bytes]:
    """Return the definition of a row's flow, and a tag of its content."""
    own = _definition(row["flow"], row["version"] or "", row["application"])
    if _MARK not in own:
        return _tag(own), own
    found = await _within(tx, row, own)
    return _tagged(own, tuple(sorted(found.items())))


async def _within(tx: Transaction, row: Row, own: bytes) -> dict[str, bytes]:
    """Return the definitions of the custom nodes in a workflow, and of those in them, by key."""
    application: str = row["application"]
    found: dict[str, bytes] = {}
    asked: set[Wanted] = set()
    missing = _uses(own)
    while missing and len(asked) < MOST_CUSTOM_NODES:
        asked |= missing
        read = await _read(tx, application, missing)
        found |= {definition_key(*each): definition for each, definition in read.items()}
        missing = frozenset[Wanted]().union(*map(_uses, read.values())) - asked
    return found


async def _read(tx: Transaction, application: str, asked: frozenset[Wanted]) -> dict[Wanted, bytes]:
    """Return the definitions of those custom nodes that there are."""
    params: dict[str, object] = {
        "application_id": msgspec.json.decode(application, type=_Parts).id,
        "ids": sorted({each for each, _ in asked}),
        "versions": sorted({version for _, version in asked}),
    }
    found: dict[Wanted, bytes] = {}
    for row in await tx.fetch("flow_custom_nodes", params):
        for named in _names(row):
            if (row["id"], named) in asked:
                found[row["id"], named] = _definition(
                    row["flow"], row["version"] or "", application
                )
    return found


def _names(row: Row) -> list[str]:
    """Return the versions that a row stands for: its own, and what runs where none is named."""
    version = row["version_name"]
    names = [version or _DEVELOP]
    if row["runs"]:
        names.append(DEFAULT)
    return names


@lru_cache(maxsize=256)
def _uses(definition: bytes) -> frozenset[Wanted]:
    """Return which custom nodes a workflow calls itself."""
    if _MARK not in definition:
        return frozenset()
    nodes = msgspec.json.decode(msgspec.json.decode(definition, type=_Parts).nodes, type=list[_Use])
    named = {wanted(node.config or {}) for node in nodes if node.type == EXECUTES}
    return frozenset(each for each in named if each[0])


@lru_cache(maxsize=256)
def _definition(flow: str, version: str, application: str) -> bytes:
    """Return what workers compile of one flow."""
    owner = msgspec.json.decode(application, type=_Parts)
    base = msgspec.json.decode(flow, type=_Parts)
    running = msgspec.json.decode(version, type=_Parts) if version else base
    merged = {entry["key"]: entry for entry in [*owner.globals, *running.globals]}
    definition: dict[str, Any] = {
        "id": base.id,
        "name": base.name,
        "flowClass": base.flow_class,
        "applicationId": owner.id,
        "applicationName": owner.name,
        "flowVersion": running.version,
        "globals": list(merged.values()),
        "ownGlobals": [entry["key"] for entry in running.globals],
        "triggers": running.triggers,
        "nodes": running.nodes,
    }
    if base.flow_class == "customNode":
        form = running.form if bytes(running.form) != b"null" else base.form
        definition["customNodeConfig"] = form
    return msgspec.json.encode(definition)


@lru_cache(maxsize=256)
def _tag(definition: bytes) -> str:
    return hashlib.blake2b(definition, digest_size=16).hexdigest()


@lru_cache(maxsize=64)
def _tagged(own: bytes, within: tuple[tuple[str, bytes], ...]) -> tuple[str, bytes]:
    """Return a definition with those of custom nodes in it, and a tag of them all."""
    inner: Mapping[str, Raw] = {key: Raw(each) for key, each in within}
    whole = own[:-1] + b',"' + DEFINITIONS.encode() + b'":' + msgspec.json.encode(inner) + b"}"
    return _tag(whole), whole
