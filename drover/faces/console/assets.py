"""The style sheet and the scripts of the pages; what libraries bring is there when set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.faces.console._rendering import SECURITY, assets
from drover.faces.operation import Answer, Call, Operation
from drover.model.errors import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_FOR_EVER: Final = {**SECURITY, "Cache-Control": "public, max-age=31536000, immutable"}


async def _file(call: Call) -> Answer:
    """Return a file; its address changes with its content, so browsers may keep it."""
    asset = assets().get(call.path["file"])
    if asset is None:
        raise Missing("There is no such file")
    return Answer(asset.body, headers=_FOR_EVER, media_type=asset.media_type)


def operations(_services: Services) -> Iterator[Operation]:
    """Yield the operation that serves them: they are the same for everybody."""
    yield Operation(
        method="GET",
        path="/console/static/{file}",
        scopes=None,
        run=_file,
        name="console.static.get",
        summary="Style sheets and scripts of the console",
        ours=True,
    )
