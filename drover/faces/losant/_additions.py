"""Operations of ours on resource jobs, declared alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drover.faces.operation import Operation
from drover.kinds.resource_job import KIND

if TYPE_CHECKING:
    from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Additions:
    """Operations beyond the published API that share the first part of their names.

    Their names and summaries are those of the methods that run them; ``post`` creates something.
    """

    family: str
    opaque_ids: frozenset[str] = frozenset()

    def operation(
        self,
        method: str,
        path: str,
        scopes: frozenset[str],
        run: Any,
        *,
        body: type[Struct] | None = None,
        parameters: tuple[str, ...] = (),
    ) -> Operation:
        """Return the declaration of one."""
        return Operation(
            method=method,
            path=path,
            scopes=scopes,
            run=run,
            name=f"{self.family}.{run.__name__}",
            summary=run.__doc__.rstrip("."),
            status=201 if run.__name__ == "post" else 200,
            body=body,
            parameters=parameters,
            ours=True,
            opaque_ids=self.opaque_ids,
            kind=KIND.one,
        )
