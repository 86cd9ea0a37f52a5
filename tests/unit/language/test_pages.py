"""Pages: layouts, components and sections."""

import pytest

from drover.flows.language import (
    LanguageError,
    PageContext,
    RenderLimit,
    compile_template,
    render_page,
)
from drover.flows.language.limits import MAX_COMPONENTS, MAX_PAGE


def page(text, layout=None, components=None, **context):
    return render_page(text, layout, PageContext(context, components or {}))


def test_a_page_stands_in_its_layout_unescaped():
    assert page("<b>{{a}}</b>", "<i>{{ page }}</i>{{a}}", a="<") == "<i><b>&lt;</b></i>&lt;"


def test_components_get_the_page_or_what_they_are_given():
    components = {"one": "{{a}}{{b}}", "two": '{{component "one"}}-{{component "one" c}}'}

    assert page('{{component "two"}}', None, components, a=1, c={"b": 2}) == "1-2"
    assert page('{{component "one" 7}}{{component "none"}}', None, components, a=1) == "1"


def test_sections_of_a_layout_are_filled_by_its_page():
    text = "{{#fillSection 'head'}}<{{a}}>{{/fillSection}}body{{#fillSection \"x\"}}"

    assert page(text.removesuffix('{{#fillSection "x"}}'), '{{section "head"}}|{{page}}', a=1) == (
        "<1>|body"
    )
    with pytest.raises(LanguageError):
        page(text)


def test_components_in_themselves_end():
    assert page('{{component "a"}}', None, {"a": 'x{{component "a"}}'}) == "x" * MAX_COMPONENTS


def test_a_broken_component_prints_nothing():
    assert page('[{{component "a"}}]', None, {"a": "{{#if}}"}) == "[]"


def test_elsewhere_components_and_sections_print_nothing():
    assert compile_template('[{{component "a"}}{{section "b"}}]')({"a": 1}) == "[]"


def test_all_parts_of_a_page_share_what_may_be_spent():
    spend = "{{#each l}}{{#each ../l}}{{/each}}{{/each}}"
    fills = "".join(f'{{{{#fillSection "{n}"}}}}{spend}{{{{/fillSection}}}}' for n in range(3))

    assert page(spend, None, l=list(range(500))) == ""
    with pytest.raises(RenderLimit):
        page(fills, "{{page}}", l=list(range(500)))


def test_a_page_has_a_limit_of_its_own():
    assert len(page("x" * MAX_PAGE)) == MAX_PAGE
    with pytest.raises(LanguageError):
        page("x" * (MAX_PAGE + 1))
