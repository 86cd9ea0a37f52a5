"""Processes that run flows and handlers."""
