"""Drover: a self-hosted control plane for the jobs of an IoT fleet."""

from drover.handlers import handler

__version__ = "0.1.0"

__all__ = ["handler"]
