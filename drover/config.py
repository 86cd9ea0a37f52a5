"""Settings: defaults, a TOML file, then the environment."""
