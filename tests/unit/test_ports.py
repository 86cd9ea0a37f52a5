"""The ports: protocols and values that stand by themselves."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest

import drover.ports

NAMES = [info.name for info in iter_modules(drover.ports.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_a_port_is_loaded_by_itself_and_says_what_it_is(name):
    module = import_module(f"drover.ports.{name}")

    assert module.__doc__
