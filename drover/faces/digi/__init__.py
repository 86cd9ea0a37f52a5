"""The Digi-compatible dialect."""
