"""HTML read into trees, selectors over them, and the node that shows what is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.flows.markup import MOST_ELEMENTS, markup_of, parsed, text_of, walked
from drover.flows.selectors import BadSelector, selected
from tests.support.flow_world import error_of, result_of

PAGE = """<!doctype html><html><body class="a b"><!-- x --><ul id=list>
<li>one<li data-k="v w" lang=en-US>two &amp; <b>three</b></ul>
<p>x<p>y<br>z<script>if (a<b) {}</script><img src=a.png alt="A > B"><title>a&lt;b</title></body>
"""


def texts(selector, document=PAGE):
    return [text_of(each) for each in selected(parsed(document), selector)]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("li", ["one", "two & three"]),
        ("#list > li", ["one", "two & three"]),
        ("li + li", ["two & three"]),
        ("li ~ li b", ["three"]),
        ("[data-k~=w] b, b", ["three"]),
        ("[data-k~='v']>b", ["three"]),
        ('[lang|="en"] b', ["three"]),
        ("[lang^=en] b", ["three"]),
        ("[lang$=US] b", ["three"]),
        ("[lang*=-] b", ["three"]),
        ("[lang^='']", []),
        ("[lang=en-US][data-k] b", ["three"]),
        ("body.a.b p:nth-child(2)", ["x"]),
        ("li:nth-child(odd)", ["one"]),
        ("li:nth-child(even)", ["two & three"]),
        ("li:nth-child(-n + 1)", ["one"]),
        ("li:nth-child(0n+2)", ["two & three"]),
        ("li:not(:first-child)", ["two & three"]),
        ("li:last-child", ["two & three"]),
        ("b:only-child", ["three"]),
        ("UL LI:not([data-k]) b", []),
        ("img:empty", [""]),
        ("script", ["if (a<b) {}"]),
        ("title", ["a<b"]),
        ("p", ["x", "yzif (a<b) {}a<b"]),
    ],
)
def test_a_selector_finds_what_browsers_find(selector, found):
    assert texts(selector) == found


@pytest.mark.parametrize(
    "selector", ["", "li[", ">>", "a:hover", "a,", "(", ":not(a", "a b >", "x" * 1001, "a::b"]
)
def test_what_is_no_selector_is_refused(selector):
    with pytest.raises(BadSelector):
        selected(parsed(PAGE), selector)


def test_markup_is_written_with_every_end():
    (body,) = selected(parsed('<body><p a="&quot;">1 < 2<br></body>'), "p")

    assert markup_of(body) == '<p a="&quot;">1 &lt; 2<br/></p>'


def test_ends_of_what_was_never_begun_are_passed_over():
    assert texts("b", "</i><b>x</b></b>y") == ["x"]


@pytest.mark.parametrize(
    "document",
    [
        "<" * 300_000,
        "<!--" * 100_000,
        "<!" * 100_000,
        "</x>" * 100_000,
        '<a "' * 100_000,
        '<p a="' * 50_000,
        "<script>" * 40_000,
        "<p " + " " * 300_000,
        "<b " + "a " * 200_000,
        "<b>" * 40_000 + "</b>" * 40_000,
    ],
    ids=lambda document: document[:8].strip(),
)
def test_hostile_documents_are_read_like_others(document):
    selected(parsed(document), "b b b b b > b ~ b, * * * *")


@given(st.text(alphabet="<>/ab=\"'!- &;\n", max_size=200))
def test_any_text_is_read_to_its_end(text):
    root = parsed(text)

    assert all(element.parent is not None for element in walked(root))
    assert sum(len(each.elements) for each in (root, *walked(root))) == len([*walked(root)])
    assert not text.isalpha() or text_of(root) == text


def asked(document, **config):
    given_config = {"documentPath": "data", "resultPath": "out", **config}
    return result_of("HtmlParserNode", given_config, document)["out"]


def test_the_node_shows_text_markup_and_json():
    document = '<div><a href="/x">one</a> two</div>'

    assert asked(document, selectorTemplate="a", resultFormatTemplate="text") == ["one"]
    assert asked(document, selectorTemplate="a", resultFormatTemplate="xml") == [
        '<a href="/x">one</a>'
    ]
    assert asked(document, resultFormatTemplate="json") == [
        {
            "name": "div",
            "attributes": {},
            "children": [
                {"name": "a", "attributes": {"href": "/x"}, "children": ["one"]},
                " two",
            ],
        }
    ]
    assert asked(document, selectorTemplate="i", resultFormatTemplate="text") == []


@pytest.mark.parametrize(
    ("document", "config", "name"),
    [
        (17, {"resultFormatTemplate": "text"}, "Validation"),
        ("<a>", {"resultFormatTemplate": "yaml"}, "Validation"),
        ("<a>", {"resultFormatTemplate": "text", "selectorTemplate": "a:hover"}, "Validation"),
        ("<a>", {"resultFormatTemplate": "{{nothing}}"}, "Validation"),
        ("<a>" * (MOST_ELEMENTS + 1), {"resultFormatTemplate": "text"}, "PayloadTooLarge"),
        (
            "<b>" * 200 + "x" * 100_000,
            {"resultFormatTemplate": "text", "selectorTemplate": "b"},
            "PayloadTooLarge",
        ),
    ],
    ids=["number", "format", "selector", "empty", "elements", "copies"],
)
def test_what_the_node_cannot_do_is_thrown(document, config, name):
    whole = {"documentPath": "data", "resultPath": "out", **config}

    assert error_of("HtmlParserNode", whole, document)["name"] == name
