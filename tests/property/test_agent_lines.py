"""Whatever becomes of the batches that an agent sends, a job's log tells each line or that it misses."""

from __future__ import annotations

import re
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from drover.workers.beacon import job_log
from drover.workers.beacon.job_log import JobLog

MISSING = re.compile(r"\[(\d+) lines? (?:is|are) missing here: .*")
HAPPENINGS = st.lists(
    st.one_of(
        st.integers(1, 12).map(lambda lines: ("tell", lines)),
        st.sampled_from([("accepted", 0), ("answer lost", 0), ("away", 0)]),
    ),
    max_size=40,
)


BOUNDS = {"MOST_WAITING": 10, "MOST_CHARACTERS": 24, "BATCH_LINES": 4}


class Way:
    """A job's log, the server that keeps the first line of each number, and what comes between."""

    def __init__(self) -> None:
        self.log = JobLog()
        self.kept: dict[int, str] = {}
        self.produced = 0

    def happen(self, what: str, lines: int) -> None:
        """Let lines be told, or a batch be sent."""
        for number in range(self.produced, self.produced + lines):
            self.log.tell(str(number))
        self.produced += lines
        batch = self.log.batch() if what != "tell" else []
        if what in {"accepted", "answer lost"}:
            self.take(batch)
        if what == "accepted":
            self.log.accepted()

    def take(self, batch) -> None:
        """Take lines as the server does."""
        for each in batch:
            self.kept.setdefault(each.seq, each.line)


@given(happenings=HAPPENINGS, at_the_end=st.booleans())
def test_lines_told_and_lines_missing_are_all_the_lines_there_were(happenings, at_the_end):
    way = Way()

    with patch.multiple(job_log, **BOUNDS):
        for what, lines in happenings:
            way.happen(what, lines)
            assert len(way.log.left()) <= BOUNDS["MOST_WAITING"] + 1
        if at_the_end:  # with the results of the job
            way.take(way.log.left())
        while way.log and not at_the_end:
            way.happen("accepted", 0)

    next_line = 0
    for _, line in sorted(way.kept.items()):
        missing = MISSING.fullmatch(line)
        assert missing or line == str(next_line)
        next_line += int(missing[1]) if missing else 1
    assert next_line == way.produced
