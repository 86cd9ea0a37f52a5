"""The program of the process that runs a notebook's cells.

Started by :mod:`drover.sandbox.notebooks.child`, inside the cage that it entered. From here on the
process can start no other one, nor reach one.
"""

from ipykernel.kernelapp import IPKernelApp

from drover.sandbox.notebooks import cage, calls


def main(arguments: list[str], *, caged: bool) -> None:
    """Run cells until the process is ended; `arguments` say where they come from."""
    cage.end_with_parent()
    if caged and not calls.forgo_others():
        raise SystemExit("the process cannot be shut away")
    IPKernelApp.launch_instance(argv=[*arguments, "--IPKernelApp.capture_fd_output=False"])
