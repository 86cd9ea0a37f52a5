"""Python handler: a function the operator registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, CallPython
from drover.flows.language import UNDEFINED, to_number
from drover.flows.node import Node
from drover.flows.settings import error_writer
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

LONGEST_S: Final = 60
DEFAULT_S: Final = 10.0

_METHODS: Final = ("fullPayload", "payloadPath", "jsonTemplate")


def _compile(settings: Settings) -> Action:
    name = _name(settings)
    prepare = _argument(settings)
    write = settings.writer("resultPath", fresh=True)
    write_error = error_writer(settings)

    def settle(visit: Visit, value: Any) -> int:
        if write is not None:
            write(visit, value)
        return 0

    def failed(visit: Visit, error: str, message: str) -> int:
        if write_error is None:
            raise Thrown(error, message)
        write_error(visit, {"name": error, "message": message})
        return 0

    return CallPython(name, prepare, _timeout(settings), settle, failed)


def _name(settings: Settings) -> str:
    name = settings.literal("handler")
    known = settings.facts.handlers
    if not name:
        settings.flaw("handler", "Handler is required", missing=True)
    elif known is not None and name not in known:
        settings.flaw("handler", f"No handler is registered as '{name}'")
    return name


def _timeout(settings: Settings) -> Callable[[Visit], float]:
    timeout = settings.template("timeoutTemplate")
    if not settings.holds("timeoutTemplate"):
        return lambda _: DEFAULT_S

    def timeout_s(visit: Visit) -> float:
        text = timeout(visit.payload).strip()
        seconds = to_number(text) if text else DEFAULT_S
        if not 0 < seconds <= LONGEST_S:
            raise Thrown("Validation", f"Timeout must be above 0 and at most {LONGEST_S} seconds")
        return float(seconds)

    return timeout_s


def _argument(settings: Settings) -> Callable[[Visit], Any]:
    method = settings.literal("inputMethod", default="fullPayload", choices=_METHODS)
    if method == "payloadPath":
        path = settings.path("inputValue", required=True)
        return lambda visit: _json_like(UNDEFINED if path is None else path.get(visit.payload))
    if method == "jsonTemplate":
        render = settings.json("inputValue", required=True)
        return lambda visit: render(visit.payload)
    return lambda visit: visit.payload


def _json_like(value: Any) -> Any:
    return None if value is UNDEFINED else value


NODE = Node(type="PythonHandlerNode", name="python-handler", category="logic", compile=_compile)
