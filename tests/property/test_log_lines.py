"""Lines of a log are those of structlog's own renderer, whatever an event holds."""

from __future__ import annotations

from enum import Enum
from typing import Any

import structlog
from hypothesis import given
from hypothesis import strategies as st

from drover.server.log_lines import PlainLines


class Colour(str, Enum):  # noqa: UP042 - the kind whose format is not its text
    """A text that is more than one."""

    RED = "red"
    ODD = "a b"


SPACED = st.text(st.sampled_from(" \t=\r\n\"'ab\x1b"), max_size=6)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | SPACED
    | st.sampled_from(Colour)
    | st.lists(st.text(max_size=3), max_size=3)
)
NAMES = st.sampled_from(["path", "status", "ms", "_", "logger", "stack", "exception"])
HEADS = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": st.sampled_from(["2026-11-23T04:38:00.000000Z", ""]),
        "level": st.sampled_from(["info", "exception", "warning", "odd level of a log"]),
        "event": st.text(max_size=40) | SPACED,
    },
)
TEXTS = {"logger": str, "stack": str, "exception": str}


@given(HEADS, st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_line_is_that_of_the_renderer_it_stands_for(
    head: dict[str, Any], members: dict[str, Any]
) -> None:
    event = {**head, **{name: TEXTS.get(name, _same)(each) for name, each in members.items()}}

    line = PlainLines()(None, "info", dict(event))

    assert line == structlog.dev.ConsoleRenderer(colors=False)(None, "info", dict(event))


def test_the_line_of_a_request_reads_as_it_always_has() -> None:
    event = {
        "event": "request",
        "level": "info",
        "timestamp": "2026-11-23T04:38:00Z",
        "path": "/api/jobs/1",
        "method": "POST",
        "status": 200,
    }

    line = PlainLines()(None, "info", event)

    assert line == (
        "2026-11-23T04:38:00Z [info     ] request                        "
        "method=POST path=/api/jobs/1 status=200"
    )


def _same(value: object) -> object:
    return value
