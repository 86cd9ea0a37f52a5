"""The tasks an agent can do, read from the objects of a job.

A task is an object with one member that says what to do: ``command`` (``cmd`` means the same),
``http`` or ``python``. The other members say how.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, field

LONGEST_S: Final = 7 * 24 * 3600.0
"""The most seconds a task may ask for."""

Seconds = Annotated[float, Meta(gt=0, le=LONGEST_S)]
HttpStatus = Annotated[int, Meta(ge=100, le=599)]


class BadTask(ValueError):
    """A task cannot be done; the message says why."""


class CommandTask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Run a program: a text is given to the shell, a list is program and arguments.

    ``cwd`` is relative to the folder that the tasks of a job share.
    """

    command: str | Annotated[list[str], Meta(min_length=1)]
    name: str = ""
    env: dict[str, str] = {}
    cwd: str = ""
    timeout: Seconds | None = None
    continue_on_failure: bool = False


class HttpTask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send a request: a text body goes out as it is, anything else as JSON.

    It succeeds with one of the expected status codes, or with any below 400 if none is named.
    """

    url: str = field(name="http")
    name: str = ""
    method: Annotated[str, Meta(pattern="^[A-Za-z]{1,20}$")] = "GET"
    headers: dict[str, str] = {}
    body: Any = None
    expected_status: HttpStatus | list[HttpStatus] = []
    timeout: Seconds | None = None
    continue_on_failure: bool = False

    def expects(self, status: int) -> bool:
        """Tell whether the request went well."""
        wanted = self.expected_status
        codes = wanted if isinstance(wanted, list) else [wanted]
        return status in codes if codes else status < 400  # noqa: PLR2004 - HTTP errors


class PythonTask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Call a function registered with ``@drover.handler``, with ``input`` as its argument."""

    function: str = field(name="python")
    name: str = ""
    input: Any = None
    timeout: Seconds | None = None
    continue_on_failure: bool = False


Task = CommandTask | HttpTask | PythonTask

_SHAPES: Final[dict[str, type[Task]]] = {
    "command": CommandTask,
    "http": HttpTask,
    "python": PythonTask,
}


KINDS: Final = tuple(_SHAPES)
"""The kinds of tasks, by the member that names what to do."""


def kind_of(task: Task) -> str:
    """Return the kind of a task."""
    return next(kind for kind, shape in _SHAPES.items() if isinstance(task, shape))


def task_of(value: Any, allowed: frozenset[str]) -> Task:
    """Return the task that a job's object asks for; raises BadTask."""
    if not isinstance(value, dict):
        raise BadTask("a task must be an object")
    if "cmd" in value and "command" not in value:
        value = {"command" if name == "cmd" else name: each for name, each in value.items()}
    named = [kind for kind in _SHAPES if kind in value]
    if len(named) != 1:
        raise BadTask(
            f"a task must have exactly one of {', '.join(_SHAPES)}; this has {_told(named)}"
        )
    kind = named[0]
    if kind not in allowed:
        raise BadTask(f"this beacon does no {kind} tasks (it allows {_told(sorted(allowed))})")
    try:
        return msgspec.convert(value, _SHAPES[kind], strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadTask(f"the {kind} task is malformed: {error}") from error


def _told(names: list[str]) -> str:
    return ", ".join(names) or "none"
