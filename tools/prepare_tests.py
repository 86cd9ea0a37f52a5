"""Install what tests need beyond Python packages; say clearly what is skipped and why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

INSTALL: Final = ("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
INSTALL_SECONDS: Final = 300
ROOT: Final = Path(__file__).parent.parent
VENDOR_MQTT: Final = ROOT / ".cache" / "vendor-mqtt"
"""The virtual environment of the vendor's MQTT client."""


def main() -> int:
    """Report which optional parts of the test suite can run here."""
    if sys.version_info < (3, 11):  # noqa: UP036 - a clear line beats a syntax error
        print("Python 3.11 or newer is needed")
        return 1
    if shutil.which("git") is None:
        print("SKIP: git is not installed; the tests of what is committed are skipped")
    if not _has_browser():
        print("SKIP: Chromium is not installed; the tests of the console in a browser are skipped")
    if shutil.which("azurite-blob") is None:
        print("SKIP: Azurite is not installed; the tests of archives in Azure are skipped")
    if not _has_vendor_mqtt():
        print("SKIP: losant-mqtt could not be installed; the tests with it are skipped")
    return 0


def _has_vendor_mqtt() -> bool:
    """Tell whether there is the vendor's MQTT client; try to install it beside our own."""
    python = VENDOR_MQTT / "bin" / "python"
    if _imports(python):
        return True
    pinned = ROOT / "requirements" / "vendor-mqtt.txt"
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for command in (
        (sys.executable, "-m", "venv", "--clear", str(VENDOR_MQTT)),
        (str(python), *install, "--require-hashes", "-r", str(pinned)),
    ):
        try:
            subprocess.run(command, timeout=INSTALL_SECONDS, check=False, capture_output=True)
        except (subprocess.TimeoutExpired, OSError):
            return False
    return _imports(python)


def _imports(python: Path) -> bool:
    if not python.exists():
        return False
    tried = subprocess.run([str(python), "-W", "ignore", "-c", "import losantmqtt"], check=False)
    return tried.returncode == 0


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
