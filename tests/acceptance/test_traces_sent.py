"""A server sends its traces to a collector that the environment names, and needs none."""

import queue
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drover.server.traces import collected
from examples.serving import serving

pytest.importorskip("opentelemetry.sdk", reason="the extra `traces` is not installed")

PATIENCE_S = 60
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@contextmanager
def collector():
    """Yield the URL of a collector and the queue of what it is sent."""
    sent = queue.Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.put((self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_given):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as listening:
        serve = threading.Thread(target=listening.serve_forever, daemon=True)
        serve.start()
        yield f"http://127.0.0.1:{listening.server_port}", sent
        listening.shutdown()


def test_spans_of_a_server_reach_the_collector_until_it_ends(monkeypatch):
    with collector() as (url, sent):
        monkeypatch.setenv(ENDPOINT, url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        with serving(roles="api", workers=1, script_workers=1) as running:
            running.client.get("/me")

        path, first = sent.get(timeout=PATIENCE_S)
        bodies = first + b"".join(sent.get()[1] for _ in range(sent.qsize()))

    assert path == "/v1/traces"
    assert b"GET /me" in bodies
    assert b"drover" in bodies


def test_a_collector_that_is_away_keeps_no_server_from_serving_and_ending(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")

    with serving(roles="api", workers=1, script_workers=1) as running:
        assert running.client.get("/me")["email"]

    assert running.process.returncode == 0


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {ENDPOINT: " "},
        {ENDPOINT: "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "TRUE"},
        {ENDPOINT: "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_no_trace_is_made_unless_the_environment_asks_for_it(environ, monkeypatch):
    made = []
    monkeypatch.setattr("drover.server.traces._provider", made.append)

    with collected(environ):
        pass

    assert made == []


def test_a_server_without_the_extra_says_so_and_serves(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)

    with collected({ENDPOINT: "http://127.0.0.1:9"}):
        pass

    assert "drover[traces]" in capsys.readouterr().out
