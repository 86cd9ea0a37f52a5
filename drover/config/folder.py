"""The folder in which a server keeps what is its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from drover.config.loading import SettingsError

if TYPE_CHECKING:
    from drover.config.settings import Settings


def data_folder(settings: Settings) -> Path:
    """Return the data folder, which is made where it is not there. Raises SettingsError."""
    folder = Path(settings.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = "it is no folder" if folder.exists() else error.strerror
        raise SettingsError(f"{folder} cannot be the data folder (data_dir): {reason}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"This user may not write to the data folder {folder} (data_dir)")
    return folder
