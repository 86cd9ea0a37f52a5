"""Where the settings in force come from, and what is told of each."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any, cast, get_type_hints

import msgspec
from msgspec import Meta

from drover.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class SettingsError(ValueError):
    """A setting is unknown, out of its limits, or asks for what this machine cannot give.

    The message names it, and where it came from where that matters.
    """


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"DROVER_{name.upper()}"


def load(
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings in force; see ``asked`` and ``leave_room``. Raises SettingsError."""
    return leave_room(asked(file=file, environ=environ, overrides=overrides))


def asked(
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings as they are asked for; ``overrides`` (the command line) win over all.

    Raises SettingsError.
    """
    environ = os.environ if environ is None else environ
    given: dict[str, Any] = {}
    for source, values in (
        (str(file), _from_file(file)),
        ("the environment", _from_environment(environ)),
        ("the command line", {k: v for k, v in (overrides or {}).items() if v is not None}),
    ):
        _check(values, source)
        given |= values
    return msgspec.convert(given, Settings, strict=False)


def describe() -> list[tuple[str, str, object, str]]:
    """Return name, variable, default and meaning of every setting, in order."""
    hints = get_type_hints(Settings, include_extras=True)
    rows: list[tuple[str, str, object, str]] = []
    for info in msgspec.structs.fields(Settings):
        default = info.default_factory() if callable(info.default_factory) else info.default
        meta = cast("Meta", hints[info.name].__metadata__[0])
        rows.append((info.name, variable(info.name), default, meta.description or ""))
    return rows


def leave_room(settings: Settings) -> Settings:
    """Return settings by which requests that wait leave a fifth of all requests to others."""
    beacons, replies = settings.max_waiting_beacons, settings.max_waiting_replies
    waiting, most = beacons + replies, settings.max_requests * 4 // 5
    if waiting <= most:
        return settings
    return msgspec.structs.replace(
        settings,
        max_waiting_beacons=beacons * most // waiting,
        max_waiting_replies=replies * most // waiting,
    )


def _from_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    hints = get_type_hints(Settings)
    found: dict[str, Any] = {}
    for name, hint in hints.items():
        text = environ.get(variable(name))
        if text is not None:
            parts = [part.strip() for part in text.split(",") if part.strip()]
            found[name] = parts if str(hint).startswith("list") else text
    return found


def _check(values: dict[str, Any], source: str) -> None:
    try:
        msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        name = path.strip("`").removeprefix("$.")
        raise SettingsError(": ".join(part for part in (source, name, what) if part)) from error
