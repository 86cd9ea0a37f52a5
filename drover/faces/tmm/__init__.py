"""The TMM-compatible dialect."""
