"""A bench in this process: the child's own code without the process around it."""

from collections.abc import Callable
from typing import Final

import pytest

from drover.ports.scripts import LOG_BYTES, PAYLOAD_BYTES, ScriptResult
from drover.sandbox import batch, frames, values
from drover.sandbox.realms import Bench, Outcome, Sources, Terms

MEMORY_BYTES = 16 << 20

EMPTY: Final[dict[str, object]] = {}

Run = Callable[..., ScriptResult]


@pytest.fixture(scope="session")
def sources() -> Sources:
    return Sources.read()


@pytest.fixture
def bench(sources: Sources) -> Bench:
    return Bench(sources)


def terms(script: str, shape: bytes | str = "[]", **changes: object) -> Terms:
    usual = {
        "script": script,
        "shapes": [shape],
        "tag": batch.TAG,
        "shared": "",
        "few": False,
        "timeout_s": 2.0,
        "memory_bytes": MEMORY_BYTES,
        "output_bytes": PAYLOAD_BYTES,
        "log_bytes": LOG_BYTES,
    }
    return Terms(**{**usual, **changes})


@pytest.fixture
def ask() -> Callable[..., Outcome]:
    """Run one item of JSON on a bench."""

    def one(bench: Bench, script: str, text: bytes = b"{}", **changes: object) -> Outcome:
        return bench.run(terms(script, **changes), frames.Item(0, text))

    return one


@pytest.fixture(params=["", "shared"], ids=["fresh realm", "hardened realm"])
def run(request: pytest.FixtureRequest, sources: Sources) -> Run:
    """Run a script over one payload in a realm of either kind."""
    bench = Bench(sources)

    def one(script: str, payload: object = EMPTY, **changes: object) -> ScriptResult:
        shape, text = values.encode(payload)
        wanted = terms(script, batch.shape_text(shape), **{"shared": request.param, **changes})
        ended = bench.run(wanted, frames.Item(0, text))
        return batch.result_of(frames.Record(0, ended.status, ended.body, ended.logs), shape)

    return one
