"""Whether a server can run here, told without running it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drover import __version__
from drover.server.configured import database_of

if TYPE_CHECKING:
    from rich.console import Console

    from drover.config import Settings


def examine(settings: Settings, console: Console) -> bool:
    """Print what a server would run with and whether its store can be opened."""

    async def look() -> dict[str, Any]:
        database = database_of(settings)
        await database.open()
        try:
            return dict(database.settings())
        finally:
            await database.close()

    console.print(f"Drover {__version__}, data in {Path(settings.data_dir).resolve()}")
    try:
        found = asyncio.run(look())
    except Exception as error:  # noqa: BLE001 - whatever it is, the doctor tells it
        console.print(f"[red]The store cannot be opened:[/] {error}")
        return False
    for name, value in found.items():
        console.print(f"  {name} = {value}")
    console.print("[green]The store is durable and can be opened.[/]")
    return True
