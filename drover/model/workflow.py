"""The parts of a workflow as they are written: triggers and nodes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

OutputId = Annotated[str, Meta(min_length=1, max_length=48)]
OutputIds = Annotated[
    tuple[Annotated[tuple[OutputId, ...], Meta(max_length=100)], ...], Meta(max_length=100)
]
"""For each output of a node the ids of the nodes that follow."""


class FlowTrigger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What starts a workflow."""

    type: Annotated[str, Meta(min_length=1, max_length=1024)]
    key: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    config: dict[str, Any] | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = UNSET
    output_ids: OutputIds | UnsetType = UNSET


class FlowNode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One step of a workflow."""

    type: Annotated[str, Meta(min_length=1, max_length=1024)]
    id: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    config: dict[str, Any] | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = UNSET
    output_ids: OutputIds | UnsetType = UNSET
