"""An execution can be followed from the request to the report by whoever collects traces."""

import pytest
import pytest_asyncio

from drover import tracing
from tests.contract.jobs_store import device_id
from tests.support.jobs_bench import JobsBench

pytest.importorskip("opentelemetry.sdk", reason="the extra `traces` is not installed")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from drover.server.traces import SentTraces

CALLERS = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest_asyncio.fixture
async def bench(sqlite_database):
    bench = JobsBench(sqlite_database)
    await bench.add_devices(3)
    yield bench
    await bench.client.aclose()


@pytest.fixture
def spans():
    """Those that have ended, by name."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.use(SentTraces(provider))
    yield lambda: {each.name: each for each in kept.get_finished_spans()}
    tracing.use(None)
    provider.shutdown()


async def test_each_step_of_an_execution_is_a_span_with_its_id(bench, spans):
    path = await bench.job()

    execution_id = await bench.execute(path)
    await bench.end(path, execution_id)

    found = spans()
    for name in ("execute", "plan", "chunk", "settle", "report"):
        assert found[name].attributes[tracing.EXECUTION] == execution_id
    assert found["chunk"].attributes[tracing.ITEMS] == 3
    assert found["settle"].attributes[tracing.ITEMS] == 3


async def test_a_request_is_a_span_of_its_callers_trace_with_what_was_done_in_it(bench, spans):
    path = await bench.job()

    await bench.call(
        "POST", f"{path}/execute", {}, headers={"traceparent": f"00-{CALLERS}-00f067aa0ba902b7-01"}
    )

    found = spans()
    request = found["POST /applications/{applicationId}/resource-jobs/{resourceJobId}/execute"]
    assert f"{request.context.trace_id:032x}" == CALLERS
    assert request.attributes["http.response.status_code"] == 200
    assert found["execute"].parent.span_id == request.context.span_id


async def test_an_acknowledgement_from_outside_is_a_span(database, spans):
    bench = JobsBench(database, outcome=lambda _id, _batch: None)
    await bench.add_devices(1)
    path = await bench.job()
    execution_id = await bench.execute(path)
    await bench.tick("planner", "dispatcher")

    iteration = f"{execution_id}-{device_id(1)}"
    body = {"success": True}
    await bench.ok(
        "POST", f"{path}/executions/{execution_id}/iterations/{iteration}/acknowledge", body
    )

    assert spans()["settle"].attributes[tracing.EXECUTION] == execution_id
    await bench.client.aclose()


async def test_what_is_asked_for_in_vain_is_named_without_its_path(bench, spans):
    await bench.call("GET", "/secret/of/somebody")

    (found,) = spans().values()
    assert found.name == "GET"
    assert "secret" not in str(found.attributes)


async def test_nothing_is_traced_where_nobody_collects(bench, spans):
    tracing.use(None)
    path = await bench.job()

    await bench.end(path, await bench.execute(path))

    assert spans() == {}
