"""What a node does when payloads arrive: the few shapes the interpreter knows how to drive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.language import Path
    from drover.flows.visit import Visit
    from drover.ports.scripts import ScriptResult

NOTHING: Final = object()
"""What a request or preparation returns when there is nothing to do: output 0 is taken."""

Write: TypeAlias = "Callable[[Visit, Any], None]"


@dataclass(frozen=True, slots=True)
class Each:
    """Acts on one payload at a time, without waiting; ``act`` returns the output taken."""

    act: Callable[[Visit], int]


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks the host: one call for all payloads at the node.

    ``request`` returns an object, or NOTHING. ``settle`` gets the host's answer and returns the
    output taken. ``apart`` makes one call per payload, at the same time, for operations as slow as
    their slowest: a run's other branches go on meanwhile.
    """

    operation: str
    request: Callable[[Visit], Any]
    settle: Callable[[Visit, Mapping[str, Any]], int]
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """Runs a user's JavaScript over all payloads at the node in one trip to the cage."""

    script: str
    prepare: Callable[[Visit], Any]
    settle: Callable[[Visit, ScriptResult], int]
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class CallPython:
    """Calls an operator's registered function."""

    handler: str
    prepare: Callable[[Visit], Any]
    timeout_s: Callable[[Visit], float]
    settle: Callable[[Visit, Any], int]
    failed: Callable[[Visit, str, str], int]


@dataclass(frozen=True, slots=True)
class Pause:
    """Waits ``seconds``, holding nothing; output 0."""

    seconds: Callable[[Visit], float]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Runs the nodes of output 1 once for each item of ``source``; output 0 when done."""

    source: Path
    write_item: Write
    map_value: Path
    write_result: Write | None
    parallel: bool


@dataclass(frozen=True, slots=True)
class EndRound:
    """Ends one round of a loop; ``map_value`` overrides where its result is read."""

    breaks: bool
    map_value: Path | None


@dataclass(frozen=True, slots=True)
class Enter:
    """Runs a custom node on a payload of its own, whose ``data`` are the ``inputs``.

    ``custom_node`` is the key of its definition; ``write`` gets what the custom node hands back.
    """

    custom_node: str
    inputs: Callable[[Visit], dict[str, Any]]
    write: Write | None
    parallel: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Leave:
    """Ends a custom node: it hands back ``result``, and goes on at one of its outputs."""

    output: int
    result: Path | None


Action: TypeAlias = Each | Ask | Script | CallPython | Pause | Repeat | EndRound | Enter | Leave
