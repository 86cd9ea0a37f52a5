"""What nodes that remember told a run, kept with its firing until the run has ended.

A run whose server ends is made again from its start, and what its nodes remember has moved on by
then: a latch that it set would not let it pass any more, and what was to happen behind the latch
would never happen. So it is told what it was told before.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.app.answering import Answer, Request
    from drover.ports.runner import FlowBatch

MOST_TURNS: Final = 100
"""Of one node in one run; what it is told later is not kept."""

LONGEST: Final = 16_384
"""Characters of what is kept, as JSON; a node that is told more is told anew."""

_TOLD: Final = msgspec.json.Decoder(dict[str, str])


class ToldBefore:
    """What the runs of a batch were told when they were made before."""

    def __init__(self, batch: FlowBatch) -> None:
        self._batch = batch
        self._told: dict[int, dict[str, str]] = {}

    def answer(self, request: Request) -> Answer | None:
        """Return what a request was answered before; None when it was not."""
        run = request.get("run", 0)
        if run >= len(self._batch.told):
            return None
        if run not in self._told:
            self._told[run] = _TOLD.decode(self._batch.told[run])
        told = self._told[run].get(self._name(request))
        return None if told is None else {"result": msgspec.json.decode(told)}

    def to_keep(
        self, requests: Sequence[Request], answers: Sequence[Answer]
    ) -> dict[int, dict[str, str]]:
        """Return what is to be kept of new answers, by the numbers of the runs' firings."""
        kept: dict[int, dict[str, str]] = defaultdict(dict)
        for request, answer in zip(requests, answers, strict=True):
            text = self._kept(request, answer)
            if text is not None:
                kept[self._batch.firings[request["run"]]][self._name(request)] = text
        return kept

    def _kept(self, request: Request, answer: dict[str, Any]) -> str | None:
        if "result" not in answer or request.get("run", 0) >= len(self._batch.firings):
            return None
        if request["turn"] >= MOST_TURNS:
            return None
        text = msgspec.json.encode(answer["result"]).decode()
        return text if len(text) <= LONGEST else None

    def _name(self, request: Request) -> str:
        return f"{self._batch.flow_id}/{request['turn']}/{request['node']}"
