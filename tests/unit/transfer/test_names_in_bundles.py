"""Each resource of a bundle has a file of its own, on whatever disk it is unpacked."""

from __future__ import annotations

import unicodedata

import pytest

from drover.app.transfer.layout import Paths, alike

COMPOSED = "\N{HANGUL SYLLABLE HAN}"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
IDEOGRAPH, ITS_TWIN = "\u8c48", "\uf900"


@pytest.mark.parametrize(
    "names",
    [(COMPOSED, DECOMPOSED), (ITS_TWIN, IDEOGRAPH), ("PUMP", "pump"), ("pump", "pump")],
)
def test_names_that_only_some_readers_tell_apart_get_different_files(names):
    paths = Paths("workflows/{name}.yaml")

    made = [paths.new({"name": name}) for name in names]

    assert len({alike(path) for path in made}) == len(names)


def test_other_names_are_kept():
    paths = Paths("workflows/{name}.yaml")

    assert [paths.new({"name": name}) for name in ("a", "b")] == [
        "workflows/a.yaml",
        "workflows/b.yaml",
    ]
