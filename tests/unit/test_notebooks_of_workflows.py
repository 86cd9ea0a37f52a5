"""Notebooks that running workflows ask for."""

from typing import Any

import pytest

from drover.app.answering import Answer, Asking, Tools
from drover.app.host.notebooks import OPERATIONS
from drover.app.notebooks.asking import Notebooks
from drover.app.services import Services
from drover.ports.runner import FlowBatch

APPLICATION, FLOW, RUN = "a" * 24, "f" * 24, "8" * 24


class Asked(Notebooks):
    """Notes what is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def execute(self, *asked: Any) -> str:
        self.calls.append(asked)
        return RUN


async def ask(notebooks: Notebooks, **request: Any) -> Answer:
    unused: Any = None
    tools = Tools(services=Services(notebooks), store=unused, ids=unused, acks=unused, web=unused)
    batch = FlowBatch(
        application_id=APPLICATION, flow_id=FLOW, flow_tag="", flow=b"", trigger_index=0
    )
    (answer,) = await OPERATIONS.by_name["notebook.execute"](Asking(batch, tools), [request])
    return answer


async def test_a_workflow_has_a_notebook_of_its_application_run() -> None:
    notebooks = Asked()

    answer = await ask(
        notebooks, notebookId=" AB" + "ab" * 11, context={"a": 1}, relativeTo="2026-01-02"
    )

    assert answer == {"result": {"executionId": RUN, "success": True}}
    ((caller, application_id, notebook_id, asked),) = notebooks.calls
    assert (caller.type, caller.id) == ("flow", FLOW)
    assert (application_id, notebook_id) == (APPLICATION, "ab" * 12)
    assert (asked.template_context, asked.relative_to) == ('{"a":1}', "2026-01-02")


async def test_without_context_and_moment_none_is_given() -> None:
    notebooks = Asked()

    await ask(notebooks, notebookId="1" * 24)

    asked = notebooks.calls[0][3]
    assert (asked.template_context, asked.relative_to) == (None, None)


@pytest.mark.parametrize(
    "request_",
    [
        {"notebookId": "../x"},
        {"notebookId": "1" * 24, "context": [1]},
        {"notebookId": "1" * 24, "context": {"a": "x" * 32767}},
        {"notebookId": "1" * 24, "relativeTo": None},
        {"notebookId": "1" * 24, "relativeTo": True},
    ],
)
async def test_what_a_notebook_cannot_be_run_with_is_refused(request_: dict[str, Any]) -> None:
    notebooks = Asked()

    answer = await ask(notebooks, **request_)

    assert answer["error"]["type"] == "Validation"
    assert notebooks.calls == []
