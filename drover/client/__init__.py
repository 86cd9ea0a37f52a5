"""Clients of the HTTP API: of resources and resource jobs, and of the jobs of beacons.

``Client`` speaks the REST paths with a token. ``TaskJobs`` queues and watches jobs made of tasks,
``BeaconWork`` takes and does them; both sign in with a userkey.
"""

from drover.client.api import Client
from drover.client.beacon_work import BeaconWork
from drover.client.errors import ClientError, ServerUnreachable, UnusableConnection
from drover.client.task_jobs import Cron, NewJob, TaskJobs
from drover.client.task_records import BeaconJob, LogLine, Schedule, SeenBeacon

__all__ = [
    "BeaconJob",
    "BeaconWork",
    "Client",
    "ClientError",
    "Cron",
    "LogLine",
    "NewJob",
    "Schedule",
    "SeenBeacon",
    "ServerUnreachable",
    "TaskJobs",
    "UnusableConnection",
]
