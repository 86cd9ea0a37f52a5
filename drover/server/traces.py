"""Sends spans to a collector of OpenTelemetry, where the environment names one.

The variables are those of the standard SDK: ``OTEL_EXPORTER_OTLP_ENDPOINT`` and the rest of
``OTEL_*``. Nothing of the SDK is imported unless one of the first is set.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog

from drover import __version__, tracing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

_LOG = structlog.get_logger("drover.server")

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""The variables that say where traces go; without either there are none."""

CLOSING_S: Final = 5.0
"""How long what was not sent yet may keep a server from ending."""


class SentTraces:
    """Spans as the SDK makes and sends them."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import propagate
        from opentelemetry.trace import SpanKind

        self._tracer = provider.get_tracer("drover", __version__)
        self._extract = propagate.extract
        self._of_server = SpanKind.SERVER
        self._inside = SpanKind.INTERNAL

    def span(
        self, name: str, told: tracing.Told, headers: Mapping[str, str] | None
    ) -> AbstractContextManager[tracing.Span]:
        """Return a span that lasts as long as its block."""
        span: AbstractContextManager[tracing.Span] = self._tracer.start_as_current_span(
            name,
            context=None if headers is None else self._extract(headers),
            kind=self._inside if headers is None else self._of_server,
            attributes=told,
        )
        return span


@contextmanager
def collected(environ: Mapping[str, str]) -> Iterator[None]:
    """Let spans be sent while the block runs, if the environment says where to."""
    provider = _provider(environ) if _wanted(environ) else None
    if provider is None:
        yield
        return
    tracing.use(SentTraces(provider))
    try:
        yield
    finally:
        tracing.use(None)
        _close(provider)


def _wanted(environ: Mapping[str, str]) -> bool:
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    none = environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "none"
    return not (off or none) and any(environ.get(name, "").strip() for name in ENDPOINTS)


def _provider(environ: Mapping[str, str]) -> Any:
    """Return what makes and sends spans, None where the extra is not installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        _LOG.warning("traces_not_sent", reason=str(error), install="pip install drover[traces]")
        return None
    own = {"service.version": __version__}
    if not environ.get("OTEL_SERVICE_NAME"):
        own["service.name"] = "drover"
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _close(provider: Any) -> None:
    """Send what is left; a collector that does not answer is not waited for."""
    closing = threading.Thread(target=provider.shutdown, daemon=True)
    closing.start()
    closing.join(CLOSING_S)
