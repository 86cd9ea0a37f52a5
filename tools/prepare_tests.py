"""Install what tests need beyond Python packages; say clearly what is skipped and why."""

from __future__ import annotations

import shutil
import sys


def main() -> int:
    """Report which optional parts of the test suite can run here."""
    if sys.version_info < (3, 11):  # noqa: UP036 - a clear line beats a syntax error
        print("Python 3.11 or newer is needed")
        return 1
    if shutil.which("git") is None:
        print("SKIP: git is not installed; the tests of what is committed are skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
