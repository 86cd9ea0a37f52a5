"""Keys that a server makes for itself at its first start."""

import threading

from drover.system import KEY_BYTES, key_file


def test_a_key_is_made_once_and_its_owner_alone_may_read_it(tmp_path):
    path = tmp_path / "report.key"

    first, again = key_file(path), key_file(path)

    assert first == again
    assert len(first) == KEY_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_keys_of_different_places_differ(tmp_path):
    assert key_file(tmp_path / "one") != key_file(tmp_path / "two")


def test_processes_that_start_at_the_same_time_share_one_key(tmp_path):
    path, found = tmp_path / "report.key", []
    start = threading.Barrier(8)

    def run():
        start.wait(60)
        found.append(key_file(path))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(found) == 8
    assert len(set(found)) == 1
    assert list(tmp_path.iterdir()) == [path]
