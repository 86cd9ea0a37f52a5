"""Whatever people write into the texts of a job: a target, or a refusal that names the text."""

from __future__ import annotations

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from drover.app.jobs.execute import ExecuteBody, check_overrides
from drover.app.jobs.wishes import CONTEXT, QUERY, TABLE, Renderer, Wish
from drover.model.errors import Invalid
from drover.model.fields import is_id

PIECES = ["{{", "}}", "{{ctx.a}}", "{{a}}", "{{{a}}}", "{{#if a}}", "{{/if}}", "{{jsonEncode ctx}}"]
WORDS = ["null", "1e999", "NaN", "\\u0000", "a" * 24, *'{}[]",:\\ \0\ud800é']
SCRAPS = st.sampled_from([*PIECES, *WORDS])
TEXTS = st.lists(SCRAPS | st.text(max_size=5), max_size=12).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
CONTEXTS = st.dictionaries(st.sampled_from("ab") | st.text(max_size=3), VALUES).map(json.dumps)


def rendered(wish):
    return asyncio.run(Renderer().rendered("a" * 24, wish))


@given(
    query=TEXTS,
    context=TEXTS | CONTEXTS,
    table=TEXTS,
    kind=st.sampled_from(["device", "dataTableRow"]),
)
def test_any_texts_give_a_target_or_name_what_is_wrong(query, context, table, kind):
    wish = Wish(resource_type=kind, query=query, context=context, table=table)
    try:
        target = rendered(wish)
    except Invalid as error:
        assert error.field in (QUERY, CONTEXT, TABLE)
        assert error.field in error.message
        return
    assert isinstance(json.loads(target.context), dict)
    assert (target.data_table_id is None) == (kind == "device")
    assert target.data_table_id is None or is_id(target.data_table_id)


@given(query=TEXTS, context=TEXTS, table=TEXTS)
def test_any_overrides_are_taken_or_refused_by_name(query, context, table):
    body = ExecuteBody(query_json=query, template_context=context, data_table_id=table)
    try:
        check_overrides(body)
    except Invalid as error:
        assert error.field in (QUERY, CONTEXT, TABLE)


@given(value=st.text(max_size=20))
def test_a_value_in_a_quoted_template_comes_out_as_it_went_in(value):
    wish = Wish(
        resource_type="device",
        query='{"name": {{jsonEncode ctx.name}} }',
        context=json.dumps({"name": value}),
    )

    assert json.loads(rendered(wish).query) == {"name": value}
