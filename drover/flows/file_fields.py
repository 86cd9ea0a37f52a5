"""What nodes on files have in common: which files, in which encoding, for how long fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.paging import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings

LONGEST_URL_S: Final = 604_800
"""For how long the address of a private file may be good."""


def file_fields(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    """Compile what reading and writing a file have in common."""
    private = settings.flag("private")
    encoding = settings.template("encodingTemplate")
    seconds = whole_number(settings, "urlTTLTemplate", default=0, most=LONGEST_URL_S)
    return lambda payload: {
        "private": private,
        "encoding": encoding(payload).strip().lower() or "utf8",
        "urlSeconds": seconds(payload),
    }
