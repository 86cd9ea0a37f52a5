"""How much one text of the payload language may ask for."""

from __future__ import annotations

from typing import Final

MAX_SOURCE: Final = 32_768
"""Characters of a template or expression."""

MAX_PAGE: Final = 131_072
"""Characters of a page, a layout or a component."""

MAX_COMPONENTS: Final = 8
"""Components inside one another."""

MAX_NESTING: Final = 32
"""Blocks in blocks plus subexpressions in subexpressions of a template."""

MAX_DEPTH: Final = 64
"""Operators, calls and parentheses inside one another in an expression."""

MAX_OUTPUT: Final = 5_000_000
"""Characters that one rendering may print."""

MAX_JSON: Final = 32_000_000
"""Characters of one value written as JSON."""

MAX_WORK: Final = 5_000_000
"""Units of work in one rendering: characters and elements that helpers read and make."""

UNCACHED_WORK: Final = 20
"""Units of work of compiling one character of a text from the payload that is not kept."""

WORK_PER_ITERATION: Final = 10
"""Units of work that one turn of an ``each`` block costs beside what its body does."""

MAX_INDEX: Final = 10_000
"""Highest array index that a path may write."""

MAX_PATTERN: Final = 1_000
"""Characters of a regular expression or of a format of dates or numbers."""

MAX_WIDTH: Final = 1_000
"""Widest padding that a number format may ask for."""

CACHE_SIZE: Final = 1_024
"""Compiled texts of each sort that are kept."""

MAX_CACHED: Final = 1_000
"""Characters of the longest text whose compiled form is kept."""
