"""Running a user's JavaScript: the port that the workflow interpreter calls and a cage answers.

Values that cross the port are JSON values plus two more: `datetime.datetime` (UTC, milliseconds)
stands for a JavaScript Date, and `msgspec.UNSET` at the root stands for `undefined`. Inside objects
a missing value is an absent key.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from drover.model.errors import Unavailable

TIMEOUT: Final = "Timeout"
"""Name of the failure of a script that ran longer than it may."""

MEMORY_LIMIT: Final = "MemoryLimit"
"""Name of the failure of a script that took more memory than it may."""

TOO_LARGE: Final = "PayloadTooLarge"
"""Name of the failure of a payload, going in or coming out, above `PAYLOAD_BYTES`."""

PAYLOAD_BYTES: Final = 5_000_000
"""Largest payload that enters or leaves a script, in bytes of JSON."""

LOG_BYTES: Final = 65_536
"""Most console text kept of one run, in characters."""


class ScriptsUnavailable(Unavailable):
    """No script ran, because the cages are stopped, full or cannot be started; try again later."""


class ScriptFailure(msgspec.Struct, frozen=True):
    """What a script threw: the error's own name, its message, and where, innermost first."""

    name: str
    message: str
    stack: tuple[str, ...] = ()


class ScriptResult(msgspec.Struct, frozen=True):
    """How the script ended for one payload, and what it wrote to its console as (level, text)."""

    payload: object
    logs: tuple[tuple[str, str], ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the script threw or was stopped."""
        return isinstance(self.payload, ScriptFailure)


class Scripts(Protocol):
    """Runs scripts where they can do no harm."""

    async def run(
        self,
        script: str,
        payloads: Sequence[object],
        *,
        timeout_ms: int = 5000,
        owner: str = "",
    ) -> list[ScriptResult]:
        """Run one script over many payloads, each apart from the others; results in their order.

        Whatever the script does is answered as a `ScriptFailure`, never raised. `timeout_ms` is for
        each payload. Runs of the same non-empty `owner` (say, a flow of an application) may use the
        same prepared cage; nothing that one payload's run does is seen by another's in any case.

        Raises `ScriptsUnavailable` when no script can be run now.
        """
        ...
