"""Loops that move executions."""
