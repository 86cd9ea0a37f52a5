"""All helpers by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from drover.discover import discover
from drover.flows.language import vocabulary
from drover.flows.language.helper import Helper

LEXICON: Final = MappingProxyType(
    {
        helper.name: helper
        for helpers in discover(vocabulary, "HELPERS", tuple)
        for helper in helpers
        if isinstance(helper, Helper)
    }
)
"""Every helper that a template may call."""
