"""The helpers of templates and expressions, by subject: one module each, found by discovery.

A module lists its helpers in ``HELPERS``.
"""
