"""Templates and expressions on one core: what each device of a job costs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench.figures import Figure
from drover.flows.language import (
    compile_expression,
    compile_json_template,
    compile_path,
    compile_template,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAYLOAD: dict[str, Any] = {
    "time": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    "data": {"n": 42, "name": "pump 7", "d": 1234.56789, "list": [44, "x", False], "o": {"k": [1]}},
}

TEMPLATES = {
    "a path": "{{data.name}}",
    "two paths in text": "Device {{data.name}} is at {{data.n}}",
    "a condition": "{{#if data.n}}on{{else}}off{{/if}}",
    "a loop over three": "{{#each data.list}}{{@index}}:{{this}};{{/each}}",
    "a number format": "{{format data.d ',.2f'}}",
    "a date format": "{{format time 'YYYY-MM-DD'}}",
}
EXPRESSIONS = {
    "a comparison": "{{data.n}} > 20",
    "two comparisons": "{{data.n}} > 20 && {{data.name}} === 'pump 7'",
    "arithmetic": "{{data.n}} * 2 + 1",
}
JSON = '{"n": {{data.n}}, "o": {{jsonEncode data.o}}}'


def rate(render: Callable[[dict[str, Any]], Any], times: int) -> float:
    """Return how often ``render`` runs in a second: the best of three tries."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(times):
            render(PAYLOAD)
        best = min(best, time.perf_counter() - began)
    return times / best


def measure(*, quick: bool) -> Iterator[Figure]:
    """Measure templates, JSON templates, expressions and paths."""
    times = 10_000 if quick else 100_000
    for name, source in TEMPLATES.items():
        goal = "250,000" if "path" in name else ""
        yield Figure(f"template: {name}", rate(compile_template(source), times), "renders/s", goal)
    yield Figure("JSON template", rate(compile_json_template(JSON), times), "renders/s")
    for name, source in EXPRESSIONS.items():
        done = rate(compile_expression(source), times)
        yield Figure(f"expression: {name}", done, "evaluations/s", "300,000")
    yield Figure("path", rate(compile_path("data.o.k").get, times), "reads/s")
