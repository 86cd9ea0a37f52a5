"""The same beacon with Drover's client: it renews its lease and obeys a cancel."""

import os
import random
import socket
import time

from drover.client import BeaconWork, ClientError, ServerUnreachable
from drover.client.beacon_work import Ending, Wanted

WORKER = f"{socket.gethostname()}-{os.getpid()}"


def main() -> None:
    """Take jobs until the process is ended."""
    with BeaconWork(os.environ["URL"], os.environ["USERKEY"], WORKER) as work:
        while True:
            try:
                work_once(work)
            except (ClientError, ServerUnreachable) as error:
                print("waiting:", error)
                time.sleep(random.uniform(1, 10))  # noqa: S311 - spreads beacons, guards nothing


def work_once(work: BeaconWork) -> None:
    """Take one job if there is one, and do it."""
    job = work.take_next(Wanted(names=("box",), wait_s=20, lease_s=60))
    if job is None:
        return
    job, results = work.start(job), []
    for number, task in enumerate(job.tasks or [], 1):
        if work.update(job, number).cancel_requested:  # renews the lease as well
            break
        results.append({"sum": sum(task["numbers"])})
    work.end(job, Ending(results=results))


if __name__ == "__main__":
    main()
