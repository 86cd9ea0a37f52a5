"""What belongs to the end of a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from drover.app.catalog import QuietHook
from drover.model.bundle import Download

if TYPE_CHECKING:
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session


class NotebookHook(QuietHook):
    """Deletes the file of a notebook that is deleted: with the next look at past downloads."""

    async def after(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Note the file of what was deleted, to be deleted as well."""
        if new is None and old.blob_key is not UNSET:
            await session.bundles.add_download(
                Download(
                    id=old.id,
                    application_id=old.application_id,
                    key=old.blob_key,
                    name="notebook",
                    expires_ms=await session.now_ms(),
                )
            )
