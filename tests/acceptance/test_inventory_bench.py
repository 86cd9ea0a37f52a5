"""The benchmark of the inventory runs, on a few jobs, on both stores, and keeps what it stored."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from bench import inventory, inventory_rows


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_every_figure_of_the_inventory_comes_again_from_kept_jobs(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "JOBS", 20_000)
    monkeypatch.setattr(inventory, "STORES", (store,))
    monkeypatch.setattr(inventory_rows, "DEVICES", 1_000)
    with tempfile.TemporaryDirectory() as kept:  # where the user of PostgreSQL may go as well
        monkeypatch.setenv(inventory_rows.KEPT_IN, kept)

        first, again = (
            [figure.name for figure in inventory.measure(quick=True)] for _ in ("filled", "kept")
        )

        assert first == again
        assert len(first) == len(inventory.PAGES) + 6
        assert len(list(Path(kept).iterdir())) == 1
