"""Coverage that a killed process leaves half written does no harm to that of others."""

import sqlite3
from contextlib import closing

import pytest

from tests.support.coverage_files import drop_broken

ROWS = 5000


def write(file):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE arc (file_id INTEGER, fromno INTEGER, tono INTEGER)")
        connection.executemany("INSERT INTO arc VALUES (1, ?, 2)", ((n,) for n in range(ROWS)))
        connection.commit()


@pytest.fixture
def base(tmp_path):
    write(tmp_path / ".coverage.whole")
    write(tmp_path / "another")
    return tmp_path / ".coverage"


def cut(file, share):
    write(file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    return file


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_dropped_and_whole_ones_stay(base, share):
    broken = cut(base.with_name(".coverage.broken"), share)

    assert drop_broken(base) == [broken]
    assert sorted(each.name for each in base.parent.iterdir()) == [".coverage.whole", "another"]


def test_a_file_whose_pages_are_muddled_is_dropped(base):
    broken = base.with_name(".coverage.broken")
    write(broken)
    content = bytearray(broken.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    broken.write_bytes(content)

    assert drop_broken(base) == [broken]


def test_where_all_is_whole_nothing_is_dropped(base):
    assert drop_broken(base) == []
