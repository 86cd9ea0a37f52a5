"""Handlers: registered by name, loaded by module."""

from __future__ import annotations

import sys

import pytest

from drover import handler
from drover.handlers import REGISTERED
from drover.plugins import HandlersError, load


@pytest.fixture(autouse=True)
def nothing_is_left_registered():
    before = dict(REGISTERED)
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


def test_a_function_is_registered_under_its_name_and_stays_itself():
    @handler("test.double")
    def double(value):
        return value * 2

    assert REGISTERED["test.double"] is double
    assert double(4) == 8


def test_a_second_function_may_not_take_a_name():
    @handler("test.taken")
    def first(_value):
        return 1

    with pytest.raises(ValueError, match=r"test\.taken"):

        @handler("test.taken")
        def second(_value):
            return 2


def test_modules_in_the_current_folder_are_loaded(tmp_path, monkeypatch):
    (tmp_path / "plant_handlers.py").write_text(
        "from drover import handler\n\n@handler('plant.one')\ndef one(value):\n    return 1\n"
    )
    monkeypatch.delitem(sys.modules, "plant_handlers", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    assert "plant.one" in load(["plant_handlers"])


def test_a_module_that_cannot_be_imported_is_named_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "broken_handlers.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(HandlersError, match=r"broken_handlers.*division by zero"):
        load(["broken_handlers"])
    with pytest.raises(HandlersError, match="no_such_module"):
        load(["no_such_module"])
