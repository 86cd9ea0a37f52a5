"""Counts of resources beside applications, users and organisations, as far as they are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.faces.operation import Call

PARAMETERS: Final = ("summaryInclude", "summaryExclude")

COUNTS: Final = (
    "apiTokenCount",
    "certificateCount",
    "certificateAuthorityCount",
    "credentialCount",
    "dashCount",
    "dataTableCount",
    "deviceCount",
    "deviceRecipeCount",
    "eventCount",
    "experienceDomainCount",
    "experienceEndpointCount",
    "experienceGroupCount",
    "experienceSlugCount",
    "experienceUserCount",
    "experienceVersionCount",
    "experienceViewCount",
    "fileCount",
    "flowCount",
    "integrationCount",
    "keyCount",
    "notebookCount",
    "privateFileCount",
    "resourceJobCount",
    "webhookCount",
)
"""The counts of a summary; those of kinds that there are not are zero."""


def asked(call: Call, counts: tuple[str, ...] = COUNTS) -> list[str]:
    """Return the counts that the request wants."""
    wanted, unwanted = (
        {name.strip() for name in call.query.get(parameter, "").split(",") if name.strip()}
        for parameter in PARAMETERS
    )
    return [each for each in counts if (not wanted or each in wanted) and each not in unwanted]


def told_when_asked(call: Call, names: tuple[str, ...]) -> list[str]:
    """Return those of these names that the request includes by name."""
    named = call.query.get("summaryInclude", "").strip(" ,")
    return asked(call, names) if named else []


def chosen(counts: Mapping[str, int], names: list[str]) -> dict[str, int]:
    """Return the counts of these names, zero where there is none."""
    return {name: counts.get(name, 0) for name in names}
