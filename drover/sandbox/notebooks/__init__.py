"""Notebooks, run in processes of their own that are shut away from the rest of the machine."""
