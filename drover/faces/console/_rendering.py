"""Templates to pages: one environment that escapes whatever it is given, and its words for values.

Nothing here knows a request. Pages hold no script and no style of their own, which the headers
that go with each of them forbid too.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateRuntimeError,
    Undefined,
    UndefinedError,
)
from jinja2.utils import missing

from drover.model.errors import Invalid
from drover.model.instants import to_ms, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE: Final = Path(__file__).parent
HTML: Final = "text/html; charset=utf-8"

SECURITY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
            " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
)
"""Headers of every answer of the console."""

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_NOBODY: Final[Mapping[str, Any]] = MappingProxyType(
    {"me": None, "section": "", "done": "", "query": {}, "csrf": ""}
)
"""What pages know where they are shown to somebody who is not signed in."""

MOST_LAID_OUT: Final = 131_072
"""Characters of JSON that is shown over several lines: a page holds many such values."""

_OVER_LINES: Final = json.JSONEncoder(indent=2, ensure_ascii=False)
_VENDOR: Final = "vendor"
_SECOND_MS: Final = 1000
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", _SECOND_MS))


class Absent(Undefined):
    """What a document lacks is empty; a name that a page was not given at all is a mistake."""

    def __new__(
        cls,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[TemplateRuntimeError] = UndefinedError,
    ) -> Any:
        """Return what stands for it."""
        return StrictUndefined(hint, obj, name, exc) if obj is missing else super().__new__(cls)


class Asset:
    """A file that pages refer to, its content read once."""

    def __init__(self, file: Path) -> None:
        self.body = file.read_bytes()
        self.media_type = _TYPES[file.suffix]
        self.version = hashlib.sha256(self.body).hexdigest()[:12]


@lru_cache(maxsize=1)
def assets() -> Mapping[str, Asset]:
    """Return the files by their names; those of libraries are there only when they were set up."""
    folder = HERE / "static"
    files = [*folder.iterdir(), *(folder / _VENDOR).glob("*")]
    return {file.name: Asset(file) for file in sorted(files) if file.suffix in _TYPES}


def asset_address(name: str) -> str:
    """Return the address of a file, another one when its content changes; "" when it is absent."""
    asset = assets().get(name)
    return f"/console/static/{name}?v={asset.version}" if asset else ""


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates."""
    made = Environment(
        loader=FileSystemLoader(HERE / "pages"),
        autoescape=True,
        undefined=Absent,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "number": number,
        "lasting": lasting,
        "instant": instant,
        "pretty": pretty,
        "words": words,
        "kebab": kebab,
        "wire": wire,
    }
    made.globals |= {"asset": asset_address, "ago": ago, **_NOBODY}
    return made


def render(template: str, **values: Any) -> bytes:
    """Return a page."""
    return environment().get_template(template).render(values).encode("utf-8", "replace")


def number(value: float) -> str:
    """Return a number with its thousands apart."""
    whole = int(value)
    return f"{whole if whole == value else value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def lasting(ms: float) -> str:
    """Return a duration in its two largest units."""
    left = max(0, int(ms))
    if left < _SECOND_MS:
        return f"{left} ms" if left else "0 s"
    if left < 10 * _SECOND_MS:
        return f"{left / _SECOND_MS:.1f} s"
    parts: list[tuple[int, str]] = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append((count, name))
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count)


def milliseconds(moment: str | int | None) -> int | None:
    """Return a moment as milliseconds, None for none and for text that is no moment."""
    if moment is None or isinstance(moment, int):
        return moment
    try:
        return to_ms(moment)
    except Invalid:
        return None


def instant(moment: str | int) -> str:
    """Return a moment in full, in UTC."""
    ms = milliseconds(moment)
    if ms is None:
        return str(moment)
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(moment: str | int, now_ms: int) -> str:
    """Return how long ago, or how far ahead, a moment is."""
    ms = milliseconds(moment)
    if ms is None:
        return str(moment)
    away = abs(now_ms - ms)
    if away < 5 * _SECOND_MS:
        return "just now"
    name, size = next((unit for unit in _UNITS if away >= unit[1]), _UNITS[-1])
    told = f"{away // size} {name}"
    return f"{told} ago" if ms <= now_ms else f"in {told}"


def pretty(value: Any) -> str:
    """Return JSON over several lines: of JSON text, or of what is no text; other text as it is.

    What would become far longer so, as what is nested deep does, is shown in one line.
    """
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
        return _laid_out(parsed) or (value if isinstance(value, str) else _in_one_line(parsed))
    except (ValueError, RecursionError):
        return value if isinstance(value, str) else "(nested too deep to show)"


def _laid_out(value: Any) -> str:
    """Return JSON over several lines, "" where that is too long."""
    parts, length = [], 0
    for part in _OVER_LINES.iterencode(value):
        parts.append(part)
        length += len(part)
        if length > MOST_LAID_OUT:
            return ""
    return "".join(parts)


def _in_one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def words(name: str) -> str:
    """Return a name in camel or snake case as words."""
    spaced = "".join(f" {char.lower()}" if char.isupper() else char for char in name)
    return spaced.replace("_", " ").strip()


def kebab(name: str) -> str:
    """Return a name in camel or snake case as that of a style."""
    return words(name).replace(" ", "-")


def wire(moment: str | int) -> str:
    """Return a moment as machines read it."""
    return to_text(moment) if isinstance(moment, int) else moment
