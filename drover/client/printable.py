"""Texts of others on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text with each character that could steer a terminal written as its code."""
    return "".join(
        each if each.isprintable() or each == "\t" else each.encode("unicode_escape").decode()
        for each in text
    )
