"""Drover: a self-hosted control plane for the jobs of an IoT fleet."""

__version__ = "0.1.0"
