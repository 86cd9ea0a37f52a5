"""Running the commands of a guide as a reader would: in order, against a server of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from examples.serving import EMAIL

if TYPE_CHECKING:
    from examples.serving import Serving

PASSWORD = "a password of a guide"


def blocks(page: Path, language: str = "bash") -> list[str]:
    """Return the code of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def ran(page: Path, server: Serving, folder: Path) -> str:
    """Run a guide's commands in a folder and return what they print.

    They find the server, whose administrator's password is ``PASSWORD``, in their environment, and
    the program ``drover`` of this installation.
    """
    done = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + "\n".join(blocks(page))],
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin:/usr/local/bin",
            "MQTT_PORT": str(server.mqtt_port),
            "URL": server.url,
            "EMAIL": EMAIL,
            "PASSWORD": PASSWORD,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
