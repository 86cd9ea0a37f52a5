"""Bundles are read once, and what writes them lets go of its sources when nobody wants more."""

from __future__ import annotations

import io
import zipfile

import drover.kinds
from drover.app.transfer import contents as module
from drover.app.transfer.contents import Contents
from drover.app.transfer.export import _written
from drover.discover import discover
from drover.model.kind import Kind

KINDS = discover(drover.kinds, "KIND", Kind)
FLOW, VERSION = "a" * 24, "b" * 24


def bundle():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("application.yaml", "name: Pumps\n")
        packed.writestr("workflows/One.yaml", f"id: {FLOW}\nname: One\nflowClass: experience\n")
        packed.writestr("workflowVersions/v1.yaml", f"id: {VERSION}\nflowId: {FLOW}\nversion: v1\n")
    return file


def test_a_workflow_is_read_once_where_all_of_a_bundle_is_wanted(monkeypatch):
    read: list[bytes] = []
    real = module.yaml_text.loads

    def noting(text):
        read.append(text)
        return real(text)

    monkeypatch.setattr(module.yaml_text, "loads", noting)

    found = Contents(bundle(), KINDS)

    assert sum(b"name: One" in each for each in read) == 1
    assert [each.id for each in found.given["flowVersion"]] == [VERSION]


async def test_the_source_of_an_export_is_let_go_when_nobody_reads_on():
    ended = []

    async def pages():
        try:
            for number in range(10):
                yield 1, b"%d" % number
        finally:
            ended.append(True)

    file = io.BytesIO()
    writing = _written(file, pages(), lambda page: page)

    await anext(writing)
    await writing.aclose()

    assert (file.getvalue(), ended) == (b"0", [True])
