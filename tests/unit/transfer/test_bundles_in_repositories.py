"""Bundles unpacked for a repository: what cannot be a file there is told without our own paths."""

from __future__ import annotations

import errno
import zipfile

import pytest

from drover.app.transfer.repository import _unpack
from drover.model.errors import Invalid


def test_a_name_that_is_too_long_is_told_as_it_is_in_the_repository(tmp_path):
    packed = tmp_path / "bundle.zip"
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr(f"files/{'x' * 300}", "")

    with pytest.raises(Invalid) as refused:
        _unpack(packed, tmp_path / "files", "plant")

    assert refused.value.message.endswith(f" plant/files/{'x' * 243}")
    assert str(tmp_path) not in refused.value.message


def test_other_trouble_with_the_disk_is_not_the_bundles(tmp_path, monkeypatch):
    packed = tmp_path / "bundle.zip"
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("a", "")

    def full(_bundle, _place):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(zipfile.ZipFile, "extractall", full)

    with pytest.raises(OSError, match="full"):
        _unpack(packed, tmp_path / "files", "")
