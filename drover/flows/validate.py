"""What is wrong with a workflow, told when it is saved.

Source: Losant-compatible nodes, sections 1.1 to 1.3.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.flows.catalogue import CUSTOM_NODE_END, OTHER_MACHINES, is_accepted, why_not
from drover.flows.compile import MOST_LOOP_DEPTH, MOST_OUTPUTS, facts_of
from drover.flows.node import node_types
from drover.flows.settings import Report, Settings
from drover.flows.triggers import TRIGGERS, config_flaws
from drover.model.errors import Flaw

if TYPE_CHECKING:
    from drover.flows.node import Node

LONGEST_WIRED_ID: Final = 48
MOST_GLOBALS: Final = 100

_LONGEST: Final = 1024
_LONGEST_GLOBAL: Final = 32767
_GLOBAL_KEY: Final = re.compile(r"[0-9a-zA-Z_-]{1,255}")
_TRIGGER_KEYS: Final = frozenset({"type", "key", "config", "meta", "outputIds"})
_NODE_KEYS: Final = frozenset({"id", "type", "config", "meta", "outputIds"})
_EXPERIENCE_TRIGGERS: Final = frozenset({"endpoint", "flowError", "virtualButton"})
_NOT_IN_GROUP: Final = "Referenced output ID {} does not exist in the required group."
_TWO: Final = 2


def check_flow(
    flow: Mapping[str, Any], *, handlers: Collection[str] | None = None, lenient: bool = False
) -> list[Flaw]:
    """Return what makes a workflow unfit to be saved; an empty list when nothing does.

    ``handlers`` are the names of the operator's Python functions; None leaves them unchecked.
    ``lenient`` lets settings that are missing pass, as imports do.
    """
    report = _checked(flow, handlers)
    return report.flaws if lenient else report.flaws + report.missing


def warnings_of(flow: Mapping[str, Any]) -> list[Flaw]:
    """Return what a workflow may be saved with, but will not run: missing settings, alien nodes."""
    report = _checked(flow, None)
    return report.warnings + report.missing


def _checked(flow: Mapping[str, Any], handlers: Collection[str] | None) -> Report:
    report = Report()
    flow_class = str(flow.get("flowClass") or "cloud")
    triggers = _entries(flow, "triggers", report)
    nodes = _entries(flow, "nodes", report)
    for index, trigger in triggers:
        _check_trigger(trigger, f"/triggers/{index}", flow_class, report)
    for index, node in nodes:
        _check_node(node, f"/nodes/{index}", flow_class, report)
        _check_config(node, f"/nodes/{index}", flow_class, handlers, report)
    _check_starts(flow_class, [trigger for _, trigger in triggers], report)
    _check_wires(triggers, nodes, report)
    _check_globals(flow.get("globals"), report)
    return report


def _entries(
    flow: Mapping[str, Any], key: str, report: Report
) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the objects of a list with their positions; whatever else is in it is a flaw."""
    given = flow.get(key)
    if given is None:
        return []
    if not isinstance(given, Sequence) or isinstance(given, str):
        report.flaws.append(Flaw(f"/{key}", f"{key} must be a list"))
        return []
    found: list[tuple[int, Mapping[str, Any]]] = []
    for index, entry in enumerate(given):
        if isinstance(entry, Mapping):
            found.append((index, entry))
        else:
            report.flaws.append(Flaw(f"/{key}/{index}", "An entry must be an object"))
    return found


def _check_trigger(trigger: Mapping[str, Any], place: str, flow_class: str, report: Report) -> None:
    kind = trigger.get("type")
    known = TRIGGERS.get(kind) if isinstance(kind, str) else None
    refused = known is None or (
        flow_class not in OTHER_MACHINES and (known.edge_only or not _starts(flow_class, str(kind)))
    )
    if refused:
        message = f"{kind} is not valid for {flow_class} workflows."
        report.flaws.append(Flaw(f"{place}/type", message))
        return
    if kind == "integration" and flow_class not in OTHER_MACHINES:
        report.warnings.append(Flaw(f"{place}/type", "This server has no integrations."))
    flaws = [*_unknown_keys(trigger, _TRIGGER_KEYS), *config_flaws(str(kind), trigger)]
    key = trigger.get("key")
    if key is not None and (not isinstance(key, str) or len(key) > _LONGEST):
        flaws.append(("/key", f"key must be text of at most {_LONGEST} characters"))
    report.flaws.extend(Flaw(place + where, message) for where, message in flaws)


def _starts(flow_class: str, trigger_type: str) -> bool:
    """Tell whether a class of workflow may have a type of trigger."""
    if flow_class == "experience":
        return trigger_type in _EXPERIENCE_TRIGGERS
    return (flow_class == "customNode") == (trigger_type == "customNodeStart")


def _check_starts(flow_class: str, triggers: list[Mapping[str, Any]], report: Report) -> None:
    if flow_class == "customNode" and len(triggers) > 1:
        message = "A customNode workflow has exactly one customNodeStart trigger."
        report.flaws.append(Flaw("/triggers", message))
    keys = [(trigger.get("type"), trigger.get("key")) for trigger in triggers]
    repeated = {pair for pair, count in Counter(keys).items() if count > 1}
    for index, (kind, key) in enumerate(keys):
        if key and kind in ("virtualButton", "timer") and (kind, key) in repeated:
            report.flaws.append(Flaw(f"/triggers/{index}/key", "Trigger keys must be unique."))


def _unknown_keys(entry: Mapping[str, Any], known: frozenset[str]) -> Iterator[tuple[str, str]]:
    for key in entry.keys() - known:
        yield f"/{key}", f"{key} is not known here"


def _check_node(node: Mapping[str, Any], place: str, flow_class: str, report: Report) -> None:
    flaws = [*_unknown_keys(node, _NODE_KEYS)]
    flaws += [
        (f"/{key}", f"{key} must be an object")
        for key in ("config", "meta")
        if node.get(key) is not None and not isinstance(node[key], Mapping)
    ]
    name = node.get("id")
    if name is not None and (not isinstance(name, str) or len(name) > _LONGEST):
        flaws.append(("/id", f"id must be text of at most {_LONGEST} characters"))
    kind = node.get("type")
    if not isinstance(kind, str) or not 1 <= len(kind) <= _LONGEST:
        flaws.append(("/type", f"type must be text of 1 to {_LONGEST} characters"))
    elif not _is_valid(kind, flow_class):
        flaws.append(("/type", f"{kind[:64]} is not valid for {flow_class} workflows."))
    report.flaws.extend(Flaw(place + where, message) for where, message in flaws)


def _is_valid(node_type: str, flow_class: str) -> bool:
    if flow_class in OTHER_MACHINES:
        return True
    known = node_types().get(node_type)
    return is_accepted(node_type) if known is None else flow_class in known.classes


def _check_config(
    node: Mapping[str, Any],
    place: str,
    flow_class: str,
    handlers: Collection[str] | None,
    report: Report,
) -> None:
    config, meta = node.get("config") or {}, node.get("meta") or {}
    if not isinstance(config, Mapping) or not isinstance(meta, Mapping):
        return
    known = node_types().get(str(node.get("type")))
    if known is None or flow_class in OTHER_MACHINES:
        _warn_not_run(node, place, flow_class, report)
        return
    outputs = node.get("outputIds")
    if known.outputs == _TWO and _count(outputs) != _TWO:
        report.flaws.append(Flaw(f"{place}/outputIds", "The node must have two outputs."))
    facts = facts_of(node, handlers=handlers)
    known.compile(Settings(config, f"{place}/config", report, facts))


def _warn_not_run(node: Mapping[str, Any], place: str, flow_class: str, report: Report) -> None:
    kind = node.get("type")
    if flow_class not in OTHER_MACHINES and isinstance(kind, str) and is_accepted(kind):
        report.warnings.append(Flaw(f"{place}/type", why_not(kind)))


def _count(outputs: Any) -> int:
    return len(outputs) if isinstance(outputs, Sequence) and not isinstance(outputs, str) else 0


# ---------------------------------------------------------------------- wires and groups


def _check_wires(
    triggers: list[tuple[int, Mapping[str, Any]]],
    nodes: list[tuple[int, Mapping[str, Any]]],
    report: Report,
) -> None:
    names = Counter(str(node["id"]) for _, node in nodes if node.get("id"))
    for index, node in nodes:
        if names[str(node.get("id"))] > 1:
            report.flaws.append(Flaw(f"/nodes/{index}/id", "Node IDs must be unique."))
    groups = {str(node["id"]): _group(node) for _, node in nodes if node.get("id")}
    for index, trigger in triggers:
        _check_outputs(trigger, f"/triggers/{index}", groups, report)
    for index, node in nodes:
        _check_outputs(node, f"/nodes/{index}", groups, report)
        _check_loop(node, f"/nodes/{index}", groups, report)


def _group(node: Mapping[str, Any]) -> str | None:
    meta = node.get("meta")
    group = meta.get("groupId") if isinstance(meta, Mapping) else None
    return str(group) if group else None


def _check_outputs(
    entry: Mapping[str, Any], place: str, groups: Mapping[str, str | None], report: Report
) -> None:
    outputs = entry.get("outputIds")
    if outputs is None:
        return
    if _count(outputs) > MOST_OUTPUTS or not all(_is_output(ids) for ids in outputs):
        message = f"outputIds must be a list of at most {MOST_OUTPUTS} lists of ids"
        report.flaws.append(Flaw(f"{place}/outputIds", message))
        return
    own = entry.get("id")
    is_node = "id" in entry or _known_node(entry) is not None
    outside = _group(entry) if is_node else None
    inside = str(own) if entry.get("type") == "LoopNode" else outside
    for number, ids in enumerate(outputs):
        group = inside if number == 1 else outside
        for position, name in enumerate(ids):
            problem = _wire_flaw(name, own, group, groups)
            if problem is not None:
                report.flaws.append(Flaw(f"{place}/outputIds/{number}/{position}", problem))


def _is_output(ids: Any) -> bool:
    return (
        isinstance(ids, Sequence)
        and not isinstance(ids, str)
        and len(ids) <= MOST_OUTPUTS
        and all(isinstance(name, str) and 1 <= len(name) <= LONGEST_WIRED_ID for name in ids)
    )


def _known_node(entry: Mapping[str, Any]) -> Node | None:
    return node_types().get(str(entry.get("type")))


def _wire_flaw(
    name: str, own: Any, group: str | None, groups: Mapping[str, str | None]
) -> str | None:
    if name == own:
        return "A node cannot connect to itself."
    if name not in groups:
        return f"Referenced output ID {name} does not exist."
    return None if groups[name] == group else _NOT_IN_GROUP.format(name)


def _check_loop(
    node: Mapping[str, Any], place: str, groups: Mapping[str, str | None], report: Report
) -> None:
    group = _group(node)
    if group is None:
        if node.get("type") == "LoopCapNode":
            report.flaws.append(Flaw(f"{place}/meta", "The end of a loop must be inside one."))
        return
    if group not in groups:
        report.flaws.append(Flaw(f"{place}/meta/groupId", f"Group {group} does not exist."))
    config = node.get("config")
    if node.get("type") == "LoopCapNode" and isinstance(config, Mapping):
        if config.get("loopNodeId") not in (None, "", group):
            message = "The loop node must be the loop around the node."
            report.flaws.append(Flaw(f"{place}/config/loopNodeId", message))
    elif node.get("type") == CUSTOM_NODE_END:
        report.flaws.append(Flaw(f"{place}/meta/groupId", "A custom node cannot end in a loop."))
    if _depth(group, groups) > MOST_LOOP_DEPTH:
        message = f"Loops may not be nested deeper than {MOST_LOOP_DEPTH}."
        report.flaws.append(Flaw(f"{place}/meta/groupId", message))


def _depth(group: str | None, groups: Mapping[str, str | None]) -> int:
    depth = 0
    while group is not None and depth <= MOST_LOOP_DEPTH:
        depth += 1
        group = groups.get(group)
    return depth


# ---------------------------------------------------------------------- globals


def _check_globals(entries: Any, report: Report) -> None:
    if entries is None or isinstance(entries, Mapping):
        return
    if not isinstance(entries, Sequence) or len(entries) > MOST_GLOBALS:
        message = f"globals must be a list of at most {MOST_GLOBALS} entries"
        report.flaws.append(Flaw("/globals", message))
        return
    for index, entry in enumerate(entries):
        for where, message in _global_flaws(entry):
            report.flaws.append(Flaw(f"/globals/{index}{where}", message))


def _global_flaws(entry: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(entry, Mapping):
        yield "", "An entry must be an object"
        return
    key, text = entry.get("key"), entry.get("json")
    if not isinstance(key, str) or not _GLOBAL_KEY.fullmatch(key):
        yield "/key", "key must be 1 to 255 letters, digits, _ or -"
    if not isinstance(text, str) or not 1 <= len(text) <= _LONGEST_GLOBAL:
        yield "/json", f"json must be text of 1 to {_LONGEST_GLOBAL} characters"
        return
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        yield "/json", f"The value is not JSON: {error}"
