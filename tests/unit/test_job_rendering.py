"""Renderings beside the loop: bounded for each application, and named when they fail."""

import asyncio
import json
import threading

import pytest

from drover.app.jobs import wishes
from drover.app.jobs.wishes import MOST_OF_APPLICATION, QUERY, Renderer, Wish
from drover.model.errors import Invalid, TooMany

APPLICATION, OTHER = "a" * 24, "b" * 24
LITERAL = Wish(resource_type="device", query="{}", context="{}")
TEMPLATE = Wish(resource_type="device", query='{"name": "{{ctx.name}}"}', context='{"name": "x"}')


@pytest.fixture
def gate(monkeypatch):
    """Hold every rendering back until it is set."""
    gate, target = threading.Event(), wishes._target

    def held(wish, context):
        assert gate.wait(60)
        return target(wish, context)

    monkeypatch.setattr(wishes, "_target", held)
    yield gate
    gate.set()


async def test_renderings_of_one_application_are_bounded_those_of_others_go_on(gate):
    renderer = Renderer()
    waiting = [
        asyncio.create_task(renderer.rendered(APPLICATION, TEMPLATE))
        for _ in range(MOST_OF_APPLICATION)
    ]
    await asyncio.sleep(0)

    with pytest.raises(TooMany):
        await renderer.rendered(APPLICATION, TEMPLATE)
    other = asyncio.create_task(renderer.rendered(OTHER, TEMPLATE))
    gate.set()

    assert {target.query for target in await asyncio.gather(*waiting, other)} == {'{"name": "x"}'}
    assert (await renderer.rendered(APPLICATION, TEMPLATE)).query == '{"name": "x"}'


async def test_what_holds_no_template_is_never_kept_waiting():
    renderer = Renderer()

    assert (await renderer.rendered(APPLICATION, LITERAL)).query == "{}"


ENDLESS = "{{#each ctx.list}}{{#each ../ctx.list}}{{/each}}{{/each}}"
LONG = "{{#each ctx.list}}0123456789{{/each}}"


@pytest.mark.parametrize(("query", "reason"), [(ENDLESS, "too much work"), (LONG, "longer than")])
async def test_a_rendering_that_is_too_much_is_named(query, reason):
    wish = Wish(resource_type="device", query=query, context=json.dumps({"list": [0] * 10_000}))

    with pytest.raises(Invalid, match=reason) as refused:
        await Renderer().rendered(APPLICATION, wish)

    assert refused.value.field == QUERY


async def test_a_nested_context_deeper_than_any_stack_is_refused():
    wish = Wish(resource_type="device", query="{}", context='{"a":' * 16_000)

    with pytest.raises(Invalid, match="templateContext"):
        await Renderer().rendered(APPLICATION, wish)
