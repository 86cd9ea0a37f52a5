"""What the broker of this machine left on the disk of accounts that it was told to forget."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def take_away(folder: Path) -> None:
    """Take away what an earlier version of the server had the broker keep, while that does not run.

    It renamed the claims of an account that was deleted, and left what its streams had.
    """
    for renamed in (folder / "accounts").glob("*.jwt.deleted"):
        account = renamed.name.partition(".")[0]
        if not renamed.with_name(f"{account}.jwt").exists():
            shutil.rmtree(folder / "jetstream" / "jetstream" / account, ignore_errors=True)
        renamed.unlink()
