"""Notebooks: their files, what they are run with, their runs, and where the results go."""
