"""From the tree of a template to a function that renders it.

Statements that print without a block are joined into one function each run (the usual template
is a single such run); blocks write to an ``Output`` that counts what is printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from drover.flows.language.block_compiler import Writer, compile_block
from drover.flows.language.caching import cached
from drover.flows.language.conversions import to_text
from drover.flows.language.lexicon import LEXICON
from drover.flows.language.limits import MAX_OUTPUT
from drover.flows.language.numbers import number_text
from drover.flows.language.scope import Output, Scope, output_limit
from drover.flows.language.syntax import Block, Call, Print, Statement, Text
from drover.flows.language.template_parser import parse_template
from drover.flows.language.term_compiler import Getter, Names, compile_mention

Printer: TypeAlias = Callable[[Scope], str]
Plain: TypeAlias = Text | Print
"""A statement that is no block."""

_MARKUP: Final = re.compile("[&<>\"'`=]")
_ENTITIES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#x27;",
    "`": "&#x60;",
    "=": "&#x3D;",
}


def escape(text: str) -> str:
    """Replace the characters of markup by entities."""
    return _MARKUP.sub(lambda found: _ENTITIES[found[0]], text)


@cached
def compile_program(source: str) -> Printer:
    """Compile a template to a function of a scope. Raises LanguageError."""
    return compile_statements(parse_template(source))


def compile_statements(statements: Sequence[Statement]) -> Printer:
    """Compile the statements of a whole template."""
    plain = [statement for statement in statements if not isinstance(statement, Block)]
    if len(plain) == len(statements):
        return _limited(_compile_run(plain, frozenset()))
    return _collected(compile_body(statements, frozenset()))


def _collected(write: Writer) -> Printer:
    def render(scope: Scope) -> str:
        output = Output()
        write(scope, output)
        return output.text()

    return render


def _limited(render: Printer) -> Printer:
    def run(scope: Scope) -> str:
        text = render(scope)
        if len(text) > MAX_OUTPUT:
            raise output_limit()
        return text

    return run


def compile_body(statements: Sequence[Statement], names: Names) -> Writer:
    """Compile the part of a block to a function that writes to an output."""
    writers = list(_writers(statements, names))
    if not writers:
        return lambda _scope, _output: None
    if len(writers) == 1:
        return writers[0]

    def write_all(scope: Scope, output: Output) -> None:
        for write in writers:
            write(scope, output)

    return write_all


def _writers(statements: Sequence[Statement], names: Names) -> Iterator[Writer]:
    """Compile each block, and the plain statements between two blocks together."""
    run: list[Plain] = []
    for statement in statements:
        if not isinstance(statement, Block):
            run.append(statement)
            continue
        if run:
            yield _writing(_compile_run(run, names))
            run = []
        yield compile_block(statement, names, compile_body)
    if run:
        yield _writing(_compile_run(run, names))


def _writing(print_run: Printer) -> Writer:
    return lambda scope, output: output.write(print_run(scope))


def _compile_run(statements: Sequence[Plain], names: Names) -> Printer:
    """Compile texts and prints that follow one another."""
    texts, printers = _alternated(statements, names)
    if not printers:
        constant = texts[0]
        return lambda _: constant
    if len(printers) == 1:
        return _one_print(texts, printers[0])
    if len(printers) == 2:  # noqa: PLR2004  the second most usual case
        return _two_prints(texts, printers)
    return _many_prints(texts, printers)


def _alternated(statements: Sequence[Plain], names: Names) -> tuple[list[str], list[Printer]]:
    """Split into printers and the texts before, between and after them."""
    texts, printers = [""], list[Printer]()
    for statement in statements:
        if isinstance(statement, Text):
            texts[-1] += statement.text
        else:
            printers.append(_compile_print(statement, names))
            texts.append("")
    return texts, printers


def _one_print(texts: list[str], printer: Printer) -> Printer:
    before, after = texts
    if not before and not after:
        return printer
    return lambda scope: f"{before}{printer(scope)}{after}"


def _two_prints(texts: list[str], printers: list[Printer]) -> Printer:
    before, between, after = texts
    first, second = printers
    return lambda scope: f"{before}{first(scope)}{between}{second(scope)}{after}"


def _many_prints(texts: list[str], printers: list[Printer]) -> Printer:
    start = texts[0]
    pairs = list(zip(printers, texts[1:], strict=True))

    def print_all(scope: Scope) -> str:
        parts = [start]
        left = MAX_OUTPUT
        for printer, text in pairs:
            printed = printer(scope)
            left -= len(printed)
            if left < 0:
                raise output_limit()
            parts += printed, text
        return "".join(parts)

    return print_all


def _compile_print(statement: Print, names: Names) -> Printer:
    term = statement.term
    get = compile_mention(term, names)
    unescaped = isinstance(term, Call) and LEXICON[term.name].raw
    return _printing_escaped(get) if statement.escaped and not unescaped else _printing_raw(get)


def _printing_raw(get: Getter) -> Printer:
    def print_value(scope: Scope) -> str:
        value = get(scope)
        return value if value.__class__ is str else to_text(value)

    return print_value


def _printing_escaped(get: Getter) -> Printer:
    has_markup = _MARKUP.search

    def print_value(scope: Scope) -> str:
        value = get(scope)
        kind = value.__class__
        if kind is int or kind is float:
            return number_text(value)
        text = value if kind is str else to_text(value)
        # Most texts are words; that check is quicker than a search.
        return text if text.isalnum() or not has_markup(text) else escape(text)

    return print_value
