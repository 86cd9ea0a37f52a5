"""The program that runs one notebook: enters the cage, has a kernel run the cells, writes results.

Started by `drover.sandbox.notebooks.runner` as `python -I -c ...` with an environment of its own.
It tells what comes of it in lines of JSON.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

from drover.sandbox.notebooks import cage

_KERNEL: Final = """
import sys
from types import ModuleType
room, caged, *rest = sys.argv[1:]
for name, path in (("drover", []), ("drover.sandbox", [room])):
    sys.modules[name] = ModuleType(name)  # the package without what may not be read
    sys.modules[name].__path__ = path
from drover.sandbox.notebooks.kernel import main
main(rest, caged=caged == "True")
"""
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST_MESSAGE: Final = 2000


def main(folder: str, wishes: str) -> None:
    """Run the notebook of a folder and say how it went."""
    given = json.loads(wishes)
    needed = ("nbclient", "ipykernel", *(["nbconvert"] if given["html"] else []))
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        _tell(end="unavailable", message=f"not installed: {', '.join(missing)}")
        return
    caged = cage.enter(folder, cage.Bounds(given["memory_bytes"], given["file_bytes"]))
    if not caged and not given["uncaged"]:
        _tell(end="unavailable", message="this machine cannot shut a notebook away")
        return
    asyncio.run(_run(Path(folder), html=given["html"], caged=caged))
    # Nothing is left to tidy, and to end the kernel politely would end this process first.
    sys.stdout.flush()
    os._exit(0)


async def _run(folder: Path, *, html: bool, caged: bool) -> None:
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    try:
        notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)  # type: ignore[no-untyped-call]
        cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    except Exception as error:  # noqa: BLE001 - whatever it is, the file is none
        _tell(end="errored", name="NotJSON", message=f"No notebook can be read: {error}")
        return
    done = 0

    async def told(**_: Any) -> None:
        nonlocal done
        done += 1
        _tell(done=done, total=cells)

    client = NotebookClient(
        notebook,
        km=_kernel(folder, caged=caged),
        timeout=None,
        resources={"metadata": {"path": str(folder / "work")}},
        on_cell_executed=told,
    )
    flaw = ""
    try:
        await client.async_execute()
        end = {"end": "completed"}
    except CellExecutionError as error:
        flaw = error.traceback
        end = {"end": "errored", "name": error.ename, "message": error.evalue}
    except Exception as error:  # noqa: BLE001 - a kernel that died says so in many ways
        flaw = repr(error)
        end = {"end": "errored", "name": type(error).__name__, "message": str(error)}
    with contextlib.suppress(OSError):
        _write(folder / "result", notebook, flaw, html=html)
    _tell(**end)


def _kernel(folder: Path, *, caged: bool) -> Any:
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    room = str(Path(__file__).parents[1])
    argv = [sys.executable, "-I", "-c", _KERNEL, room, str(caged), "-f", "{connection_file}"]

    class OneKernel(KernelSpecManager):
        """Knows the one kernel there is."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            """Return it, whatever name the notebook asks for."""
            return KernelSpec(argv=argv, display_name=kernel_name, language="python")

    return AsyncKernelManager(
        kernel_spec_manager=OneKernel(),
        transport="ipc",
        ip="../run/line",  # from the folder of the notebook, so that it is short enough
        connection_file=str(folder / "run" / "kernel.json"),
    )


def _write(results: Path, notebook: Any, flaw: str, *, html: bool) -> None:
    import nbformat

    (results / "result.ipynb").write_text(nbformat.writes(notebook))  # type: ignore[no-untyped-call]
    outputs = [each for cell in notebook.cells for each in cell.get("outputs", ())]
    printed = "".join(each.text for each in outputs if each.output_type == "stream")
    (results / "result.log").write_text(printed)
    (results / "result.error.log").write_text(_COLOURS.sub("", flaw))
    if html:
        from nbconvert import HTMLExporter

        page, _ = HTMLExporter().from_notebook_node(notebook)  # type: ignore[no-untyped-call]
        (results / "result.html").write_text(page)


def _tell(**what: Any) -> None:
    if "message" in what:
        what["message"] = str(what["message"])[:_LONGEST_MESSAGE]
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
