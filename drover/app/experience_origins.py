"""Which pages of other sites may call an application's own interface: CORS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drover.kinds.experience_version import ExperienceVersion

_ANY: Final = "*"
_SECONDS: Final = "600"


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a browser asks whether it may call, before it does."""
    asks = "access-control-request-method" in headers and "origin" in headers
    return method == "OPTIONS" and asks


def allowed_origin(version: ExperienceVersion | None, headers: Mapping[str, str]) -> str:
    """Return the origin that an answer names as one that may read it; empty for none."""
    origin = headers.get("origin", "")
    if version is None or version.endpoint_default_cors is not True or not _is_plain(origin):
        return ""
    listed = version.allowed_cors_origins or ()
    if not listed or _ANY in listed:
        return _ANY
    return origin if origin.lower() in {each.lower() for each in listed} else ""


def origin_headers(origin: str) -> dict[str, str]:
    """Return the headers of an answer to a page of an origin."""
    if not origin:
        return {}
    return {"access-control-allow-origin": origin, "vary": "origin"}


def preflight_headers(
    origin: str, methods: Iterable[str], headers: Mapping[str, str]
) -> dict[str, str]:
    """Return the headers of the answer to a preflight."""
    if not origin:
        return {}
    asked = headers.get("access-control-request-headers", "")
    return {
        **origin_headers(origin),
        "access-control-allow-methods": ", ".join(sorted({each.upper() for each in methods})),
        "access-control-allow-headers": asked if _is_plain(asked) else "authorization",
        "access-control-max-age": _SECONDS,
    }


def _is_plain(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()
