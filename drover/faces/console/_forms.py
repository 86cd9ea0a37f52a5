"""What forms send: fields by name, and their values as what use cases take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES: Final = 262_144
"""Of one form."""
MOST_FIELDS: Final = 100


def fields_of(body: bytes) -> Mapping[str, str]:
    """Return the fields of a form; of two of a name the last counts. Raises Invalid."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise Invalid("The form cannot be read") from error
    if any("\0" in value for _, value in pairs):
        raise Invalid("A form must not hold the character U+0000")
    return {name: value.replace("\r\n", "\n") for name, value in pairs}
