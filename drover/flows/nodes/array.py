"""Array: rules on a working copy of an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Each
from drover.flows.array_rules import Rule, compile_rule, output_required
from drover.flows.node import Node
from drover.flows.settings import write_to

if TYPE_CHECKING:
    from drover.flows.actions import Write
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_RULES: Final = 15


def _compile(settings: Settings) -> Action | None:
    source = settings.path("sourceArrayPath", required=True)
    goal = settings.path("destArrayPath") or source
    rules = _rules(settings)
    if source is None or goal is None:
        return None
    put_source, put_goal = write_to(source), write_to(goal)
    apart = settings.holds("destArrayPath") and goal.text != source.text
    writes = apart or any(rule.mutates for rule, _ in rules)

    def act(visit: Visit) -> int:
        given = source.get(visit.payload)
        values = _values(given)
        if values is None:
            values = []
            put_source(visit, [])
        for rule, write in rules:
            values, result = rule.apply(values, visit.payload)
            if write is not None:
                write(visit, result)
        if writes and (apart or given.__class__ is not str):
            put_goal(visit, values)
        return 0

    return Each(act)


def _rules(settings: Settings) -> list[tuple[Rule, Write | None]]:
    if settings.config.get("rules") is None:
        settings.flaw("rules", "Rules is required", missing=True)
    compiled: list[tuple[Rule, Write | None]] = []
    for entry in settings.items("rules", most=MOST_RULES):
        rule = compile_rule(entry)
        required = output_required(entry.word("type"))
        write = entry.writer("outputPath", required=required)
        if rule is not None:
            compiled.append((rule, write if rule.has_output else None))
    return compiled


def _values(given: Any) -> list[Any] | None:
    if given.__class__ is list:
        return given
    return list(given) if given.__class__ is str else None


NODE = Node(type="ArrayNode", name="array", category="logic", compile=_compile)
