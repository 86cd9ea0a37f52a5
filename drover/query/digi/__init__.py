"""The text query language of the inventory (Digi-compatible behaviour, section 8).

Choices where the contract is silent: the position of a fault is that of the token that shows it
(an operator that does not suit, a value that does not fit); more than 200 conditions are "too
long"; ``''`` stands for ``empty`` with every type, only after ``=`` and ``<>``.
"""

from drover.query.digi.faults import BadQuery, QueryTooLong
from drover.query.digi.parser import MAX_CONDITIONS, MAX_DEPTH, parse

__all__ = ["MAX_CONDITIONS", "MAX_DEPTH", "BadQuery", "QueryTooLong", "parse"]
