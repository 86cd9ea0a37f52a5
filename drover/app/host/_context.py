"""The context that running workflows start something with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_CONTEXT: Final = 32767
"""Characters of a context as JSON."""


def context_of(request: Mapping[str, Any]) -> str | None:
    """Return the context of a request as JSON, None where it brings none; raises Invalid."""
    if "context" not in request:
        return None
    if not isinstance(request["context"], dict):
        raise Invalid("The context must be an object")
    text = msgspec.json.encode(request["context"]).decode()
    if len(text) > LONGEST_CONTEXT:
        raise Invalid(f"The context may not be longer than {LONGEST_CONTEXT} characters as JSON")
    return text
