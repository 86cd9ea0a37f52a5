"""Install what tests need beyond Python packages; say clearly what is skipped and why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Final

INSTALL: Final = ("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
INSTALL_SECONDS: Final = 300


def main() -> int:
    """Report which optional parts of the test suite can run here."""
    if sys.version_info < (3, 11):  # noqa: UP036 - a clear line beats a syntax error
        print("Python 3.11 or newer is needed")
        return 1
    if shutil.which("git") is None:
        print("SKIP: git is not installed; the tests of what is committed are skipped")
    if not _has_browser():
        print("SKIP: Chromium is not installed; the tests of the console in a browser are skipped")
    return 0


def _has_browser() -> bool:
    """Tell whether there is a Chromium; try to install the distribution's, where that is ours."""
    if shutil.which("chromium"):
        return True
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    for command in (("apt-get", "update"), INSTALL):
        try:
            subprocess.run(command, timeout=INSTALL_SECONDS, check=False, capture_output=True)
        except subprocess.TimeoutExpired:
            return False
    return shutil.which("chromium") is not None


if __name__ == "__main__":
    sys.exit(main())
