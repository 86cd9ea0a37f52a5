"""Files that a run left in its folder, read with care: their author is not to be trusted.

No link is followed, and nothing but a plain file is read, whatever became of the folder.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from drover.model.errors import Missing, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_FILES: Final = 1000
_DEEPEST: Final = 8


def read(folder: Path, path: str, most_bytes: int) -> bytes:
    """Return the content of a plain file below a folder; raises Missing, TooLarge."""
    *above, name = path.split("/")
    try:
        with _opened(folder, above) as place, _plain(name, place) as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise Missing(f"The notebook left no file {path[:255]}") from error
    if len(content) > most_bytes:
        raise TooLarge(f"The file {path[:255]} is larger than {most_bytes} bytes")
    return content


def listed(folder: Path, directory: str) -> list[str]:
    """Return the paths of the plain files of a directory and of those in it; raises Missing."""
    try:
        found = sorted(_below(folder, [directory]))
    except OSError as error:
        raise Missing(f"The notebook left no directory {directory[:255]}") from error
    if len(found) > _MOST_FILES:
        raise TooLarge(f"The directory {directory[:255]} has more than {_MOST_FILES} files")
    return found


@contextmanager
def _opened(folder: Path, above: list[str]) -> Iterator[int]:
    place = os.open(folder, _DIRECTORY)
    try:
        for part in above:
            inner = os.open(part, _DIRECTORY, dir_fd=place)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)


@contextmanager
def _plain(name: str, place: int) -> Iterator[IO[bytes]]:
    with os.fdopen(os.open(name, _FILE, dir_fd=place), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FileNotFoundError(name)
        yield file


def _below(folder: Path, parts: list[str]) -> Iterator[str]:
    with _opened(folder, parts) as place, os.scandir(place) as entries:
        kinds = [
            (each.name, each.is_dir(follow_symlinks=False), each.is_file(follow_symlinks=False))
            for each in entries
        ]
    for name, is_directory, is_file in kinds:
        if is_file:
            yield "/".join([*parts, name])
        elif is_directory and len(parts) < _DEEPEST:
            yield from _below(folder, [*parts, name])
