"""Globals of applications, workflows and versions: each holds the text of a JSON value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drover.model.fields import FlowGlobal


def check_globals(given: Iterable[FlowGlobal]) -> None:
    """Raise Invalid for a global whose text is no JSON, which no workflow could read."""
    for each in given:
        try:
            msgspec.json.decode(each.json)
        except (msgspec.DecodeError, RecursionError) as error:
            message = f"The value of the global '{each.key}' is not valid JSON at `json`"
            raise Invalid(message, field="json") from error
