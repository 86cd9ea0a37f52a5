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


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("console", "console"),
        ("ends.", "ends_"),
        (".hidden", "_hidden"),
        ("a/b\\c:d", "a_b_c_d"),
        ("line\nbreak", "line_break"),
        ("", "_"),
    ],
)
def test_names_that_systems_take_for_something_else_are_changed(name, file):
    assert Paths("workflows/{name}.yaml").new({"name": name}) == f"workflows/{file}.yaml"


@pytest.mark.parametrize("name", [IDEOGRAPH * 255, "a" * 255, "\N{GRINNING FACE}" * 255])
def test_a_long_name_fits_a_file_system_with_its_number_and_ending(name):
    paths = Paths("workflows/{name}.yaml")

    made = [paths.new({"name": name}) for _ in range(1000)]

    assert len(set(made)) == 1000
    assert max(len(path.encode()) for path in made) <= 255


def test_a_folder_is_never_called_what_a_file_beside_it_is():
    paths = Paths("experience/{version}/version.yaml")

    assert paths.new({"version": "slugs.yaml"}) == "experience/slugs.yaml_/version.yaml"


def test_other_names_are_kept():
    paths = Paths("workflows/{name}.yaml")

    assert [paths.new({"name": name}) for name in ("a", "b")] == [
        "workflows/a.yaml",
        "workflows/b.yaml",
    ]
