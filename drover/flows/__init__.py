"""The workflow interpreter."""
