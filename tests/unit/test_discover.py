"""Finding what is declared in the modules of a package."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from drover.discover import discover


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "some_plugins"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("some_plugins")]:
        del sys.modules[name]


def test_declarations_are_found_in_the_order_of_their_modules(package):
    (package / "second.py").write_text("THING = 'b'\n")
    (package / "first.py").write_text("THING = 'a'\n")
    (package / "_private.py").write_text("raise RuntimeError('not to be loaded')\n")

    assert discover(import_module("some_plugins"), "THING", str) == ("a", "b")


def test_a_module_without_its_declaration_is_named(package):
    (package / "forgotten.py").write_text("OTHER = 1\n")

    with pytest.raises(TypeError, match=r"some_plugins\.forgotten must define THING"):
        discover(import_module("some_plugins"), "THING", str)
