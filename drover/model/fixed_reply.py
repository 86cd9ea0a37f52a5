"""An answer of an application's own interface that needs no workflow."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType


class FixedReply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An answer that needs no workflow: a page's id, or where to go instead."""

    type: Literal["page", "redirect"]
    value: str
    status_code: Annotated[int, Meta(ge=100, le=599)] | UnsetType = UNSET
