from typing import Any

import pytest

from drover.flows.language import LanguageError, compile_template, compile_value_template

PAYLOAD: dict[str, Any] = {
    "a": 1,
    "b": {"c": "x", "odd key": "odd", "d-e": "dash", "list": [1, 2]},
    "yes": True,
    "no": False,
    "nothing": None,
    "text": "a<b>&\"'`=",
    "format": "a path",
    "foo bar": "spaced",
    "42": "by number",
    "true": "by word",
    "this": "own",
}


def render(template: str) -> str:
    return compile_template(template)(PAYLOAD)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain } text { with }} braces", "plain } text { with }} braces"),
        ("{{ a }}{{b.c}}", "1x"),
        ("{{b.[odd key]}} {{b.d-e}} {{b/c}}", "odd dash x"),
        ("{{b.list.[1]}} {{b.list.length}}", "2 2"),
        ("{{this.a}} {{./a}} {{this/a}} {{[this]}}", "1 1 1 own"),
        ("{{missing.deep}}|{{nothing}}|{{yes}}{{no}}", "||truefalse"),
        ("{{text}}", "a&lt;b&gt;&amp;&quot;&#x27;&#x60;&#x3D;"),
        ("{{{text}}}{{&text}}", "a<b>&\"'`=a<b>&\"'`="),
        ("{{~{text}~}}", "a<b>&\"'`="),
        ('{"x":{{{a}}}}', '{"x":1}'),
        ('{"x":{{a}}}', '{"x":1}'),
        ("{{format}}", "a path"),
        ("{{'foo bar'}} {{42}} {{true}} {{\"a\"}}", "spaced by number by word 1"),
        ("a{{! gone }}b{{!-- with }} in it --}}c{{!}}d{{!--}}e{{!----}}f", "abcdef"),
        ("\\{{a}} {{a}}", "{{a}} 1"),
        ("\\\\{{a}}", "\\1"),
        ("\\{{a}} \\{{b}}", "{{a}} {{b}}"),
        ("x  {{~a~}}  y", "x1y"),
        ("x {{~! gone ~}} y", "xy"),
        ("{{../a}}|{{@root.a}}|{{@root.b.c}}|{{@index}}|{{@../index}}", "|1|x||"),
    ],
)
def test_tags_print_values(template: str, text: str):
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{{lookup b "c"}}', "x"),
        ("{{lookup b 'c'}}", "x"),
        ('{{lookup b "odd \\"key"}}', ""),
        ("{{upper 'it\\'s'}}", "IT&#x27;S"),
        ('{{{upper "a\\b"}}}', "A\\B"),
        ("{{add 1.5 -2}}", "-0.5"),
        ("{{add (add 1 2) (multiply a 4)}}", "7"),
        (
            "{{typeof true}} {{typeof null}} {{typeof undefined}} {{typeof 1}}",
            "boolean null undefined number",
        ),
        ("{{typeof this}} {{typeof .}} {{typeof @root}}", "object object object"),
        ("{{jsonEncode (obj a=1 b='x' c=missing)}}", '{"a":1,"b":"x"}'),
        ("{{formatDate 0 fmt='YYYY' }}", "1970"),
        ("{{formatDate 0 tz='Asia/Tokyo' fmt='HH'}}", "09"),
        ("{{formatDate 0 'HH' tz='Asia/Tokyo' nonsense=1}}", "09"),
        ("{{upper 'a' 'ignored'}}", "A"),
        ("{{typeof (upper)}}", "string"),
        ("{{add 1 2 }}{{ add\n1\n2\n}}", "33"),
    ],
)
def test_helpers_take_arguments_by_place_and_by_name(template: str, text: str):
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{#if yes}}\nx\n{{/if}}\ny", "x\ny"),
        ("  {{#if yes}}  \n  x\n  {{/if}}  \n", "  x\n"),
        ("{{#if no}}\nx\n{{else}}\nz\n{{/if}}\n", "z\n"),
        ("{{#if no}}\r\nx\r\n{{^}}\r\nz\r\n{{/if}}\r\n", "z\r\n"),
        ("{{! gone }}\nx\n  {{!-- gone --}}\ny", "x\ny"),
        ("x\n{{a}}\ny", "x\n1\ny"),
        ("x {{#if yes}}\ny{{/if}}", "x \ny"),
        ("{{#if yes}}x{{/if}}\n", "x\n"),
        ("{{#if yes}}\n{{#if yes}}\nx\n{{/if}}\n{{/if}}\n", "x\n"),
        ("{{#if yes~}}\n  x\n{{~/if}}", "x"),
    ],
)
def test_a_line_with_only_a_block_tag_or_comment_vanishes(template: str, text: str):
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "position", "message"),
    [
        ("x{{", 3, "never closed"),
        ("x{{a", 4, "never closed"),
        ("x{{a}", 4, "Unexpected character"),
        ("{{{a}}", 4, "Unexpected character"),
        ("{{}}", 2, "Unexpected character"),
        ("{{a b}}", 2, "no helper a"),
        ("x{{nope 1}}", 3, "no helper nope"),
        ("{{upper (nope 1)}}", 9, "no helper nope"),
        ("{{upper (add 1 2}}", 16, "parenthesis"),
        ("{{(upper 'a')}", 13, "Unexpected character"),
        ("{{upper 'a}}", 8, "Unexpected character"),
        ("{{upper a=1 b}}", 12, "follows a named"),
        ("{{add 1 ('x')}}", 9, "helper name"),
        ("{{a..b}}", 4, "Unexpected character"),
        ("{{a.}}", 4, "Unexpected character"),
        ("{{[a}}", 2, "Unexpected character"),
        ("{{@nope}}", 2, "no @nope"),
        ("{{> partial}}", 0, "Partials"),
        ("{{#> partial}}", 0, "Partials"),
        ("{{* decorator}}", 0, "Decorators"),
        ("{{#* inline}}", 0, "Decorators"),
        ("ab{{{{raw}}}}", 2, "Raw blocks"),
        ("{{! never", 0, "comment"),
        ("{{!-- never }}", 0, "comment"),
        ("{{else}}", 0, "in no block"),
        ("{{/if}}", 0, "not opened"),
        ("x{{#if a}}", 1, "never closed"),
        ("{{#if a}}{{/each}}", 9, "still open"),
        ("{{#if a}}{{else}}{{else}}{{/if}}", 17, "last else"),
        ("{{#if a}}{{else}}{{else if b}}{{/if}}", 17, "last else"),
        ("{{#nope a}}{{/nope}}", 3, "no block nope"),
        ("{{#upper a}}{{/upper}}", 3, "no block upper"),
        ("{{#if}}{{/if}}", 3, "takes 1 argument"),
        ("{{#if a b}}{{/if}}", 3, "takes 1 argument"),
        ("{{#eq a}}{{/eq}}", 3, "takes 2 arguments"),
        ("{{#if a}}{{else nope}}{{/if}}", 16, "no block nope"),
        ("{{#'if' a}}{{/if}}", 3, "helper name"),
        ("{{#if a}}{{/b.c}}", 12, "helper name"),
        ("{{^if a}}{{/if}}", 3, "Unexpected character"),
    ],
)
def test_a_malformed_template_tells_where_and_what(template: str, position: int, message: str):
    with pytest.raises(LanguageError, match=message) as caught:
        compile_template(template)

    assert caught.value.position == position


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{b}}", PAYLOAD["b"]),
        ("{{{b.list}}}", [1, 2]),
        ("{{ a }}", 1),
        ("{{text}}", PAYLOAD["text"]),
        ("{{yes}}", True),
        ("{{a}} ", "1 "),
        (" {{a}}", " 1"),
        ("{{a}}{{a}}", "11"),
        ("{{add a 1}}", "2"),
        ("{{#if a}}1{{/if}}", "1"),
        ("{{! no }}{{a}}", "1"),
        ("text", "text"),
        ("", ""),
    ],
)
def test_a_value_template_keeps_the_type_of_a_lone_path(template: str, value: object):
    assert compile_value_template(template)(PAYLOAD) == value


def test_a_value_template_hands_out_the_value_itself():
    assert compile_value_template("{{b}}")(PAYLOAD) is PAYLOAD["b"]


def test_a_template_renders_against_any_dict():
    assert compile_template("{{ctx.NAME}}/{{NAME}}")({"ctx": {"NAME": "x"}, "NAME": "y"}) == "x/y"
