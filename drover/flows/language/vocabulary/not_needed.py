"""Helpers that only make sense on a dashboard or a web page: they print nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.language.helper import Helper

if TYPE_CHECKING:
    from drover.flows.language.values import Value


def _nothing(*_arguments: Value) -> str:
    return ""


HELPERS: Final = (
    Helper("toHtml", _nothing, ("obj",)),
    Helper("colorMarker", _nothing, ("hex",)),
    Helper("dashboardUrl", _nothing, ("id",)),
)
