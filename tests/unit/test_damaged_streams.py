"""What a power loss left of a broker's streams is put aside where the broker could not read it."""

from __future__ import annotations

import pytest

from drover.mqtt.damaged import put_aside

STATE = "jetstream/ACCOUNT/streams/STATE"


@pytest.fixture
def store(tmp_path):
    """A store with a stream and its consumer, both whole."""
    stream = tmp_path / "store" / STATE
    (stream / "msgs").mkdir(parents=True)
    (stream / "obs" / "servers").mkdir(parents=True)
    (stream / "meta.inf").write_text('{"name": "STATE"}')
    (stream / "meta.sum").write_text("1bac5a92421a4ccc")
    (stream / "msgs" / "1.blk").write_bytes(b"a report")
    (stream / "obs" / "servers" / "o.dat").write_bytes(b"\x16\x02\x00")
    return tmp_path / "store"


def test_what_is_whole_stays(store, tmp_path):
    assert put_aside(store, tmp_path / "aside") == []
    assert (store / STATE / "msgs" / "1.blk").exists()
    assert not (tmp_path / "aside").exists()


def test_a_broker_without_a_store_has_nothing_to_put_aside(tmp_path):
    assert put_aside(tmp_path / "none", tmp_path / "aside") == []


@pytest.mark.parametrize("file", ["meta.inf", "meta.sum"])
@pytest.mark.parametrize("left", [b"", b"\0" * 16, None])
def test_a_stream_that_tells_no_more_what_it_is_is_put_aside_with_its_messages(
    store, tmp_path, file, left
):
    if left is None:
        (store / STATE / file).unlink()
    else:
        (store / STATE / file).write_bytes(left)

    assert put_aside(store, tmp_path / "aside") == [store / STATE]

    assert not (store / STATE).exists()
    assert (tmp_path / "aside" / STATE / "msgs" / "1.blk").read_bytes() == b"a report"


@pytest.mark.parametrize("left", [b"", b"\0" * 7])
def test_of_a_consumer_that_has_lost_its_state_the_state_alone_is_put_aside(store, tmp_path, left):
    state = store / STATE / "obs" / "servers" / "o.dat"
    state.write_bytes(left)

    assert put_aside(store, tmp_path / "aside") == [state]

    assert not state.exists()
    assert (store / STATE / "msgs" / "1.blk").exists()
