"""Settings: defaults, then a TOML file, then ``DROVER_*`` variables, then the command line.

Each setting is declared once; the variable is its name in capitals after ``DROVER_``, the TOML key
its name.
"""

from __future__ import annotations

from drover.config.folder import data_folder
from drover.config.loading import SettingsError, asked, describe, leave_room, load, variable
from drover.config.settings import FREE_TOPICS, ROLES, Role, Settings

__all__ = [
    "FREE_TOPICS",
    "ROLES",
    "Role",
    "Settings",
    "SettingsError",
    "asked",
    "data_folder",
    "describe",
    "leave_room",
    "load",
    "variable",
]
