"""What every place of large objects promises."""

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest

from drover.model.errors import Missing
from drover.ports.failures import StoreFull, StoreLost
from drover.store.blobs import ObjectBlobs

PIECE = b"0123456789abcdef" * 65536


@pytest.fixture(params=["folder", "url of a folder", "remote"])
def blobs(request, tmp_path):
    places = {
        "folder": str(tmp_path / "blobs"),
        "url of a folder": (tmp_path / "blobs here").as_uri(),
        "remote": "memory:///",
    }
    return ObjectBlobs(places[request.param])


async def pieces(*content):
    for piece in content:
        yield piece


async def broken(*content):
    for piece in content:
        yield piece
    raise LookupError("the source failed")


async def read(blobs, key):
    return b"".join([piece async for piece in blobs.get_stream(key)])


@pytest.mark.parametrize("content", [[], [b"a"], [b"a", b"", b"bc"], [PIECE] * 12])
async def test_what_was_put_comes_back_whole(blobs, content):
    size = await blobs.put_stream("reports/5f/one.csv", pieces(*content))

    assert size == len(b"".join(content))
    assert await blobs.head("reports/5f/one.csv") == size
    assert await read(blobs, "reports/5f/one.csv") == b"".join(content)


async def test_a_later_put_replaces_the_object(blobs):
    await blobs.put_stream("a", pieces(b"old"))

    await blobs.put_stream("a", pieces(b"new"))

    assert await read(blobs, "a") == b"new"


async def test_a_source_that_fails_leaves_the_old_object_and_nothing_else(blobs, tmp_path):
    await blobs.put_stream("a", pieces(b"old"))

    with pytest.raises(LookupError):
        await blobs.put_stream("a", broken(PIECE, PIECE))
    with pytest.raises(LookupError):
        await blobs.put_stream("b", broken())

    assert await read(blobs, "a") == b"old"
    assert await blobs.head("b") is None
    assert list(tmp_path.rglob(".partial/*")) == []


async def test_a_cancelled_put_leaves_nothing(blobs, tmp_path):
    begun = asyncio.Event()

    async def endless():
        yield PIECE
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(blobs.put_stream("a", endless()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await blobs.head("a") is None
    assert list(tmp_path.rglob(".partial/*")) == []


async def test_an_object_that_is_not_there_is_missing(blobs):
    with pytest.raises(Missing):
        await read(blobs, "none")
    assert await blobs.head("none") is None


async def test_deleting_is_safe_to_repeat(blobs):
    await blobs.put_stream("a/b", pieces(b"x"))

    await blobs.delete("a/b")
    await blobs.delete("a/b")

    assert await blobs.head("a/b") is None


async def test_all_below_a_prefix_is_deleted_and_nothing_beside_it(blobs):
    for key in ("a/b/c", "a/b/d/e", "a/bc", "b/a"):
        await blobs.put_stream(key, pieces(b"x"))

    await blobs.clear("a/b")
    await blobs.clear("a/b")
    await blobs.clear("none")

    left = [key for key in ("a/b/c", "a/b/d/e", "a/bc", "b/a") if await blobs.head(key)]
    assert left == ["a/bc", "b/a"]
    with pytest.raises(ValueError, match="no key"):
        await blobs.clear("../a")


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".partial/x", "a b", "a\\b", "a\n"]
)
async def test_keys_that_could_lead_elsewhere_are_refused(blobs, key):
    for attempt in (
        blobs.put_stream(key, pieces(b"x")),
        blobs.head(key),
        blobs.delete(key),
        read(blobs, key),
    ):
        with pytest.raises(ValueError, match="no key"):
            await attempt


async def test_a_full_disk_is_told_as_such(tmp_path, monkeypatch):
    blobs = ObjectBlobs(str(tmp_path))

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StoreFull):
        await blobs.put_stream("a", pieces(b"x"))
    assert await blobs.head("a") is None


async def test_a_place_out_of_reach_is_told_as_such(tmp_path):
    blobs = ObjectBlobs(str(tmp_path))
    (tmp_path / "a").write_text("a file where a folder is needed")

    for attempt in (
        blobs.put_stream("a/b", pieces(b"x")),
        blobs.head("a/b"),
        blobs.delete("a/b"),
        read(blobs, "a/b"),
    ):
        with pytest.raises(StoreLost):
            await attempt


async def test_leftovers_of_a_killed_server_are_swept_once_they_are_old(tmp_path):
    partial = tmp_path / ".partial"
    partial.mkdir()
    old, young = partial / "old", partial / "young"
    for file in (old, young):
        file.write_text("half")
    long_ago = time.time() - 200_000
    os.utime(old, (long_ago, long_ago))

    ObjectBlobs(str(tmp_path))

    assert [Path(file).name for file in partial.iterdir()] == ["young"]
