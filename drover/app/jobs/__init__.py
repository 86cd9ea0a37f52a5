"""Use cases of resource jobs: execute, control, watch and read what their executions did."""
