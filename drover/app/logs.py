"""Where what happens is logged, and in which form."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import structlog

from drover.app.access.redaction import redact_event

if TYPE_CHECKING:
    from drover.config import Settings


def set_up_logs(settings: Settings) -> None:
    """Send every log to standard error, as lines for a person or as JSON."""
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(level=level, format="%(message)s")
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False)
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=os.fdopen(os.dup(2), "w", buffering=1)),
        cache_logger_on_first_use=True,
    )
