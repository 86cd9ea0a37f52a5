"""Mutate: set, remove, copy and move values, rule after rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Each
from drover.flows.node import Node
from drover.flows.settings import write_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Rule = Callable[[Visit], Any]

MOST_RULES: Final = 100


def _compile(settings: Settings) -> Action | None:
    entries = settings.items("rules", most=MOST_RULES, required=True)
    rules = [rule for rule in map(_rule, entries) if rule is not None]
    if len(rules) == 1:
        only = rules[0]

        def act_once(visit: Visit) -> int:
            only(visit)
            return 0

        return Each(act_once)

    def act(visit: Visit) -> int:
        for rule in rules:
            rule(visit)
        return 0

    return Each(act)


def _rule(entry: Settings) -> Rule | None:
    build = _RULES.get(entry.word("type"))
    if build is None:
        entry.flaw("type", f"Type must be one of {', '.join(sorted(_RULES))}")
        return None
    return build(entry)


def _set(entry: Settings) -> Rule | None:
    kind = entry.literal("valueTemplateType", default="string", choices=("string", "json"))
    key = "valueTemplate" if "valueTemplate" in entry.config else "value"
    if entry.config.get(key) is None:
        entry.flaw("valueTemplate", "Value is required", missing=True)
    value = entry.json(key, required=True, label="Value") if kind == "json" else entry.value(key)
    path = entry.path("destination", required=True)
    if path is None:
        return None
    write = write_to(path)
    return lambda visit: write(visit, value(visit.payload))


def _remove(entry: Settings) -> Rule | None:
    source = entry.path("source", required=True)
    if source is None:
        return None
    return lambda visit: source.remove(visit.payload)


def _copy(entry: Settings) -> Rule | None:
    source = entry.path("source", required=True)
    write = entry.writer("destination", required=True)
    if source is None or write is None:
        return None
    return lambda visit: write(visit, source.get(visit.payload))


def _move(entry: Settings) -> Rule | None:
    copy = _copy(entry)
    source, goal = entry.path("source"), entry.path("destination")
    if copy is None or source is None or goal is None:
        return None
    if source.leads_where(goal):
        return lambda _visit: None

    def apply(visit: Visit) -> None:
        copy(visit)
        source.remove(visit.payload)

    return apply


_RULES: Final[dict[Any, Callable[[Settings], Rule | None]]] = {
    "set": _set,
    "remove": _remove,
    "copy": _copy,
    "move": _move,
}

NODE = Node(type="MutateNode", name="mutate", category="logic", compile=_compile)
