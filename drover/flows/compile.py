"""From a workflow's JSON to something that runs: ids become indexes, texts become functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from drover.flows.actions import Action, Each, EndRound, Enter, Repeat
from drover.flows.catalogue import why_not
from drover.flows.custom_nodes import START
from drover.flows.node import AS_CONFIGURED, Node, node_types
from drover.flows.settings import NodeFacts, Report, Settings
from drover.flows.visit import Thrown, Visit
from drover.model.custom_node import DEFINITIONS
from drover.model.errors import Flaw

MOST_LOOP_DEPTH: Final = 8
"""Loops within loops."""

MOST_OUTPUTS: Final = 100
"""Outputs of one node."""


class FlowInvalid(Exception):
    """A workflow that is not even the shape of one; ``flaws`` tell where."""

    def __init__(self, flaws: tuple[Flaw, ...]) -> None:
        super().__init__("; ".join(f"{flaw.place}: {flaw.message}" for flaw in flaws))
        self.flaws = flaws


@dataclass(frozen=True, slots=True, eq=False)
class Callee:
    """A custom node that another node runs: its payload's root, the nodes it begins with."""

    root: Mapping[str, Any]
    starts: tuple[int, ...]


@dataclass(slots=True, eq=False)
class CompiledNode:
    """A node ready to run.

    ``outputs`` are the indexes of the nodes each output leads to; ``rank`` orders the nodes so that
    one comes after those that lead to it; ``straight`` marks a loop each round of which ends in a
    cap, so that its payload need not be kept to fall back on. ``callee`` is the custom node that it
    runs.
    """

    index: int
    id: str
    type: str
    label: str
    action: Action
    outputs: tuple[tuple[int, ...], ...]
    rank: int = 0
    straight: bool = False
    callee: Callee | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CompiledFlow:
    """A workflow ready to run.

    ``root`` holds the keys every payload starts with; ``starts`` the nodes each trigger leads to.
    ``own_globals`` are the names of the globals that are its own and not its application's.
    """

    root: Mapping[str, Any]
    triggers: tuple[Mapping[str, Any], ...]
    starts: tuple[tuple[int, ...], ...]
    nodes: tuple[CompiledNode, ...]
    own_globals: frozenset[str] = frozenset()


def compile_flow(definition: bytes | Mapping[str, Any]) -> CompiledFlow:
    """Compile a definition; broken nodes throw when a run reaches them.

    Raises FlowInvalid when it is no JSON object with lists of triggers and nodes.
    """
    flow = _decoded(definition)
    linking = _Linking(flow.get(DEFINITIONS) or {})
    starts = linking.added(flow)
    nodes = tuple(linking.nodes)
    triggers = tuple(flow.get("triggers") or [])
    _rank(nodes, starts)
    _mark_straight(nodes)
    own_globals = frozenset(flow.get("ownGlobals") or ())
    return CompiledFlow(_root(flow), triggers, starts, nodes, own_globals)


def globals_of(*lists: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """Merge lists of globals, later lists winning; unparsable values are left out."""
    merged: dict[str, Any] = {}
    for entries in lists:
        for entry in entries or ():
            try:
                merged[entry["key"]] = msgspec.json.decode(entry["json"])
            except (msgspec.DecodeError, KeyError, TypeError):
                continue
    return merged


def facts_of(node: Mapping[str, Any], **more: Any) -> NodeFacts:
    """Return what a node may know of its own place."""
    meta = node.get("meta") or {}
    kind = str(node.get("type", ""))
    outputs = len(node.get("outputIds") or ())
    label = str(meta.get("label") or meta.get("name") or kind)
    return NodeFacts(
        id=str(node.get("id") or ""), type=kind, label=label, meta=meta, outputs=outputs, **more
    )


def _decoded(definition: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    flow: Any = definition
    if isinstance(definition, bytes):
        try:
            flow = msgspec.json.decode(definition)
        except msgspec.DecodeError as error:
            raise FlowInvalid((Flaw("", f"not JSON: {error}"),)) from error
    if not isinstance(flow, Mapping):
        raise FlowInvalid((Flaw("", "a workflow must be an object"),))
    for key in ("triggers", "nodes"):
        entries = flow.get(key) or []
        if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
            raise FlowInvalid((Flaw(f"/{key}", "must be a list of objects"),))
    return flow


class _Linking:
    """Puts the nodes of a workflow and of all custom nodes within it into one row."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.nodes: list[CompiledNode] = []
        self._definitions = definitions
        self._callees: dict[str, Callee] = {}
        self._open: list[str] = []

    def added(self, flow: Mapping[str, Any], within: str = "") -> tuple[tuple[int, ...], ...]:
        """Add a workflow's nodes; return those that each of its triggers leads to."""
        entries: list[Mapping[str, Any]] = list(flow.get("nodes") or [])
        first = len(self.nodes)
        known = {node["id"]: index for index, node in enumerate(entries, first) if node.get("id")}
        more = {"custom_nodes": self._definitions, "custom_node": within}
        added = [_compiled(index, node, known, more) for index, node in enumerate(entries, first)]
        self.nodes += added
        for node in added:
            if isinstance(node.action, Enter):
                self._link(node, node.action.custom_node)
        return tuple(_flat(each.get("outputIds"), known) for each in flow.get("triggers") or ())

    def _link(self, node: CompiledNode, key: str) -> None:
        """Let a node run a custom node, unless it is part of that one itself."""
        custom_node_id = key.partition("/")[0]
        if custom_node_id in self._open:
            node.action = _throwing("Validation", "A custom node may not run itself")
            return
        if key not in self._callees:
            definition = self._definitions[key]
            self._open.append(custom_node_id)
            starts = self.added(definition, custom_node_id)
            self._open.pop()
            triggers = definition.get("triggers") or ()
            begun = zip(triggers, starts, strict=True)
            firsts = [first for trigger, first in begun if trigger.get("type") == START]
            self._callees[key] = Callee(_root(definition), sum(firsts, ()))
        node.callee = self._callees[key]


def _root(flow: Mapping[str, Any]) -> dict[str, Any]:
    merged = flow.get("globals") or {}
    return {
        "applicationId": flow.get("applicationId"),
        "applicationName": flow.get("applicationName", ""),
        "flowId": flow.get("id") or flow.get("flowId"),
        "flowName": flow.get("name", ""),
        "flowVersion": flow.get("flowVersion") or flow.get("version") or "develop",
        "globals": merged if isinstance(merged, Mapping) else globals_of(merged),
    }


def _compiled(
    index: int, node: Mapping[str, Any], known: Mapping[str, int], more: Mapping[str, Any]
) -> CompiledNode:
    facts = facts_of(node, **more)
    wired = tuple(_resolved(ids, known) for ids in node.get("outputIds") or ())
    declared = node_types().get(facts.type)
    action = _absent(facts.type) if declared is None else _action(declared, node, facts)
    outputs = wired + ((),) * max(0, _most_outputs(declared) - len(wired))
    return CompiledNode(index, facts.id, facts.type, facts.label, action, outputs)


def _action(declared: Node, node: Mapping[str, Any], facts: NodeFacts) -> Action:
    report = Report()
    action = declared.compile(Settings(node.get("config") or {}, "", report, facts))
    faults = [*report.missing, *report.flaws]
    if faults or action is None:
        message = faults[0].message if faults else f"{facts.type} cannot run"
        return _throwing("Validation", message)
    return action


def _most_outputs(declared: Node | None) -> int:
    if declared is None:
        return 1
    return MOST_OUTPUTS if declared.outputs == AS_CONFIGURED else declared.outputs


def _absent(kind: str) -> Action:
    return _throwing("NotImplemented", why_not(kind))


def _throwing(name: str, message: str) -> Each:
    def act(_visit: Visit) -> int:
        raise Thrown(name, message)

    return Each(act)


def _resolved(ids: Any, known: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(known[name] for name in ids or () if name in known)


def _flat(outputs: Any, known: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(index for ids in outputs or () for index in _resolved(ids, known))


def _rank(nodes: tuple[CompiledNode, ...], starts: tuple[tuple[int, ...], ...]) -> None:
    """Give later ranks to nodes further on, so that branches of a batch meet before they go on."""
    order: list[int] = []
    seen: set[int] = set()
    for start in (index for starting in starts for index in starting):
        _walk(nodes, start, seen, order)
    for rank, index in enumerate(reversed(order)):
        nodes[index].rank = rank


def _walk(nodes: tuple[CompiledNode, ...], start: int, seen: set[int], order: list[int]) -> None:
    """Append the nodes reachable from ``start`` in the order in which they are left."""
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(_next(nodes[start])))]
    while stack:
        here, following = stack[-1]
        goal = next((index for index in following if index not in seen), None)
        if goal is None:
            order.append(here)
            stack.pop()
        else:
            seen.add(goal)
            stack.append((goal, iter(_next(nodes[goal]))))


def _next(node: CompiledNode) -> tuple[int, ...]:
    inner = node.callee.starts if node.callee else ()
    return (*inner, *(index for ids in node.outputs for index in ids))


def _mark_straight(nodes: tuple[CompiledNode, ...]) -> None:
    for node in nodes:
        if isinstance(node.action, Repeat):
            node.straight = _always_capped(nodes, node.outputs[1])


def _always_capped(nodes: tuple[CompiledNode, ...], entries: tuple[int, ...]) -> bool:
    if len(entries) != 1:
        return False
    seen, pending = set(entries), list(entries)
    while pending:
        node = nodes[pending.pop()]
        if isinstance(node.action, EndRound):
            continue
        goals = node.outputs[:1] if isinstance(node.action, Repeat) else node.outputs
        if not goals or any(len(ids) != 1 for ids in goals):
            return False
        fresh = [ids[0] for ids in goals if ids[0] not in seen]
        seen.update(fresh)
        pending.extend(fresh)
    return True
