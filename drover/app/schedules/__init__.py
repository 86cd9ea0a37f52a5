"""Schedules of resource jobs: when they run by themselves."""
