"""What nodes do with the host's answers: soft nodes write an error, others throw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.actions import Write
    from drover.flows.visit import Visit

    Settle = Callable[[Visit, Mapping[str, Any]], int]


def softly(write: Write | None, shape: Callable[[Any], Any] | None = None) -> Settle:
    """Write the result, or ``{error: {type, message}}``; without a result path do nothing."""

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        if write is not None:
            write(visit, _written(answer, shape))
        return 0

    return settle


def strictly(write: Write | None, shape: Callable[[Any], Any] | None = None) -> Settle:
    """Write the result; an error is thrown under its type."""

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        if write is not None:
            write(visit, _written(answer, shape))
        return 0

    return settle


def chosen(_visit: Visit, answer: Mapping[str, Any]) -> int:
    """Take output 1 where the answer is yes, else output 0; an error is thrown."""
    throw_error(answer)
    return int(bool(answer["result"]))


def throw_error(answer: Mapping[str, Any]) -> None:
    """Throw the error of an answer that is one."""
    error = answer.get("error")
    if error:
        raise Thrown(error["type"], error["message"])


def _written(answer: Mapping[str, Any], shape: Callable[[Any], Any] | None) -> Any:
    error = answer.get("error")
    if error:
        return {"error": {"type": error["type"], "message": error["message"]}}
    result = answer.get("result")
    return result if shape is None else shape(result)
