"""The files in which processes leave their coverage: those that were cut off are set aside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def drop_broken(base: Path) -> list[Path]:
    """Delete the data files beside ``base`` that cannot be read to their end; return which.

    A process may be killed while it writes its own, and one such file would keep those of all
    others from being put together.
    """
    files = (each for each in base.parent.glob(f"{base.name}.*") if each.is_file())
    broken = [file for file in files if not is_whole(file)]
    for file in broken:
        file.unlink(missing_ok=True)
    return broken


def is_whole(file: Path) -> bool:
    """Tell whether a data file can be read to its end."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            connection.execute("SELECT count(*) FROM arc").fetchone()
    except sqlite3.Error:
        return False
    return bool(found == "ok")
