"""Check the limits of code: function and file sizes, nesting, parameters of a package.

Exits with 1 and a line for each breach. A function may be exempt with ``# size: reason`` on its
``def`` line.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FUNCTION_LINES: Final = 40
FUNCTION_P90: Final = 25
FILE_LINES: Final = 500
FILE_P90: Final = 300
NESTING: Final = 3
BLOCKS: Final = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.Match,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(function: Function, lines: Sequence[str]) -> int:
    """Return how many lines of code a function has, without docstring, comments and blanks."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 1
    span = lines[body[0].lineno - 1 : function.end_lineno]
    return sum(1 for line in span if line.strip() and not line.strip().startswith("#"))


def depth(node: ast.AST) -> int:
    """Return how deep blocks are nested below ``node``; an elif does not nest."""
    deepest = 0
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for child in children:
            if not isinstance(child, ast.AST) or isinstance(child, Function | ast.ClassDef):
                continue
            is_elif = name == "orelse" and isinstance(node, ast.If) and len(children) == 1
            step = isinstance(child, BLOCKS) and not (is_elif and isinstance(child, ast.If))
            deepest = max(deepest, depth(child) + step)
    return deepest


def functions(tree: ast.AST) -> Iterator[Function]:
    """Yield every function of a module."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def p90(values: Sequence[int]) -> int:
    """Return the value that nine of ten do not exceed."""
    return sorted(values)[int(len(values) * 0.9)] if values else 0


def check_file(path: Path) -> tuple[int, list[int], list[str]]:
    """Return the file's length, its functions' lengths and its breaches."""
    text = path.read_text()
    lines = text.splitlines()
    sizes: list[int] = []
    found: list[str] = []
    if len(lines) > FILE_LINES:
        found.append(f"{path}: {len(lines)} lines, {FILE_LINES} are allowed")
    for function in functions(ast.parse(text)):
        size = code_lines(function, lines)
        sizes.append(size)
        if "# size:" in lines[function.lineno - 1]:
            continue
        where = f"{path}:{function.lineno} {function.name}"
        if size > FUNCTION_LINES:
            found.append(f"{where}: {size} code lines, {FUNCTION_LINES} are allowed")
        if depth(function) > NESTING:
            found.append(f"{where}: nested {depth(function)} deep, {NESTING} is allowed")
    return len(lines), sizes, found


def main() -> int:
    """Check the packages named on the command line."""
    files, sizes, found = [], [], []
    for root in sys.argv[1:]:
        for path in sorted(Path(root).rglob("*.py")):
            length, function_sizes, breaches = check_file(path)
            files.append(length)
            sizes += function_sizes
            found += breaches
    if p90(sizes) > FUNCTION_P90:
        found.append(f"nine of ten functions have up to {p90(sizes)} lines, not {FUNCTION_P90}")
    if p90(files) > FILE_P90:
        found.append(f"nine of ten files have up to {p90(files)} lines, not {FILE_P90}")
    print("\n".join(found) or f"sizes: {len(files)} files, {len(sizes)} functions within limits")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
