"""Check the coverage gates room by room: the pure rooms whole, the others nine tenths."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

GATES: Final = {"model": 100.0, "kinds": 100.0, "query": 100.0, "ports": 100.0, "engine": 100.0}
OTHERS: Final = 90.0
REPORT: Final = "coverage-report.json"
UNSEEN: Final = frozenset(
    {
        "drover/workers/child.py",
        "drover/workers/host.py",
        "drover/workers/payloads.py",
        "drover/sandbox/notebooks/cage.py",
        "drover/sandbox/notebooks/child.py",
        "drover/sandbox/notebooks/kernel.py",
        "drover/sandbox/notebooks/landlock.py",
    }
)
"""Modules that run in worker processes and in those of notebooks alone. These end by SIGKILL or
with their line, and leave no coverage behind; the acceptance tests drive them."""


def percentages(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, float]:
    """Return the share of covered lines and branches of each room, in percent."""
    covered: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for name, file in report["files"].items():
        if name in UNSEEN:
            continue
        room = Path(name).parts[1].removesuffix(".py")
        summary = file["summary"]
        covered[room] += summary["covered_lines"] + summary["covered_branches"]
        total[room] += summary["num_statements"] + summary["num_branches"]
    return {room: 100.0 * covered[room] / total[room] for room in total if total[room]}


def main() -> int:
    """Print each room's coverage; exit with 1 when one is below its gate."""
    subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", REPORT], check=True)
    rooms = percentages(json.loads(Path(REPORT).read_text()))
    below = False
    for room, percent in sorted(rooms.items()):
        gate = GATES.get(room, OTHERS)
        below |= percent < gate
        print(f"{'  ' if percent >= gate else '! '}{room:12} {percent:6.2f} % (gate {gate:.0f} %)")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
