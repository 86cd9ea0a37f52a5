"""The workflow interpreter: compile a definition once, run it over many payloads at a time."""

from drover.flows.compile import CompiledFlow, FlowInvalid, compile_flow, globals_of
from drover.flows.payload import decode, encode, iteration_data, start_payload
from drover.flows.run import run_batch
from drover.flows.validate import check_flow, warnings_of

__all__ = [
    "CompiledFlow",
    "FlowInvalid",
    "check_flow",
    "compile_flow",
    "decode",
    "encode",
    "globals_of",
    "iteration_data",
    "run_batch",
    "start_payload",
    "warnings_of",
]
