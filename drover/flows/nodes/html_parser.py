"""HTML Parser: the elements of a document that a selector means, as text, markup or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Each
from drover.flows.markup import TooManyElements, markup_of, parsed, text_of, value_of
from drover.flows.node import Node
from drover.flows.selectors import BadSelector, selected
from drover.flows.visit import MOST_PAYLOAD_BYTES, Thrown, measure, too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.markup import Element
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_FORMATS: Final[dict[str, Callable[[Element], Any]]] = {
    "text": text_of,
    "xml": markup_of,
    "json": value_of,
}


def _compile(settings: Settings) -> Action:
    document = settings.path("documentPath", required=True)
    selector = settings.template("selectorTemplate")
    shape = settings.template("resultFormatTemplate", required=True)
    write = settings.writer("resultPath", required=True, fresh=True)

    def act(visit: Visit) -> int:
        payload = visit.payload
        text = None if document is None else document.get(payload)
        if not isinstance(text, str):
            raise Thrown("Validation", "The document must be text")
        shown = _FORMATS.get(shape(payload).strip())
        if shown is None:
            raise Thrown("Validation", f"Result format must be one of {', '.join(_FORMATS)}")
        if write is not None:
            write(visit, _shown(_chosen(text, selector(payload)), shown))
        return 0

    return Each(act)


def _shown(elements: list[Element], shape: Callable[[Element], Any]) -> list[Any]:
    """Return elements as they are wanted: those in others come more than once, within limits."""
    shown: list[Any] = []
    size = 0
    for element in elements:
        shown.append(shape(element))
        size += measure(shown[-1])
        if size > MOST_PAYLOAD_BYTES:
            raise too_large("What was found")
    return shown


def _chosen(text: str, selector: str) -> list[Element]:
    """Return the elements that a selector means; without one, those at the top."""
    try:
        root = parsed(text)
        return selected(root, selector) if selector.strip() else root.elements
    except TooManyElements as error:
        raise Thrown("PayloadTooLarge", str(error)) from error
    except BadSelector as error:
        raise Thrown("Validation", str(error)) from error


NODE = Node(type="HtmlParserNode", name="html-parser", category="logic", compile=_compile)
