"""The templates of a notebook: names, ids and folders, rendered for one run."""

from __future__ import annotations

import re
from typing import Any, Final

from drover.flows.language.errors import LanguageError, RenderLimit
from drover.flows.language.templates import compile_template
from drover.model.errors import Invalid
from drover.model.fields import is_id

_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[0-9a-zA-Z_.-]{1,255}")


class Texts:
    """Renders templates over the context of a run."""

    def __init__(self, context: dict[str, Any]) -> None:
        self._context = context

    def text(self, template: str) -> str:
        """Return a rendered template; raises Invalid."""
        try:
            return compile_template(template)(self._context)
        except (LanguageError, RenderLimit) as error:
            raise Invalid(f"A template cannot be rendered: {error}") from error

    def name(self, template: str) -> str:
        """Return the name of a file in the folder of the run, never of one elsewhere."""
        name = self.text(template)
        if not _NAME.fullmatch(name):
            raise Invalid(f"{name[:255]!r} is no name of a file", field="fileName")
        return name

    def id(self, template: str) -> str:
        """Return an id; raises Invalid."""
        found = self.text(template)
        if not is_id(found):
            raise Invalid(f"{found[:255]!r} is no id")
        return found.lower()
