"""Fetch the script libraries of the console and put their files where the pages find them.

The console works without them: where npm is missing or fails this says so, and is no failure.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
TARGET: Final = ROOT / "drover" / "faces" / "console" / "static" / "vendor"
FILES: Final = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "uPlot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uPlot.min.css": "uplot/dist/uPlot.min.css",
    "uPlot.LICENSE.txt": "uplot/LICENSE",
}
"""Where each file comes from, in the packages' folder."""

NPM_SECONDS: Final = 120


def main() -> int:
    """Fetch what is missing or was fetched for other versions than those pinned now."""
    lock = (ROOT / "package-lock.json").read_bytes()
    kept = TARGET / "package-lock.json"
    if kept.exists() and kept.read_bytes() == lock:
        return 0
    npm = shutil.which("npm")
    if npm is None:
        print("SKIP: npm is not installed; the console does without its script libraries")
        return 0
    with tempfile.TemporaryDirectory(prefix="drover-console-") as scratch:
        if not _fetched(npm, Path(scratch)):
            print("SKIP: npm could not fetch; the console does without its script libraries")
            return 0
        TARGET.mkdir(parents=True, exist_ok=True)
        for name, source in FILES.items():
            shutil.copy(Path(scratch) / "node_modules" / source, TARGET / name)
        kept.write_bytes(lock)
    print(f"The console's script libraries are in {TARGET.relative_to(ROOT)}")
    return 0


def _fetched(npm: str, folder: Path) -> bool:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, folder / name)
    quick = ["--fetch-retries=1", "--fetch-timeout=30000"]
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *quick]
    try:
        done = subprocess.run(command, cwd=folder, check=False, timeout=NPM_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
