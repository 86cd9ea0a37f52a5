-- Workers that take the jobs of beacons: what they told last, and when.

CREATE TABLE beacon_worker (
    owner_id      TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    worker        TEXT NOT NULL,
    user_number   BIGINT,
    names         TEXT NOT NULL,
    labels        TEXT NOT NULL,
    version       TEXT NOT NULL,
    draining      INTEGER NOT NULL,
    first_beat_ms BIGINT NOT NULL,
    last_beat_ms  BIGINT NOT NULL,
    PRIMARY KEY (owner_id, worker)
);

CREATE INDEX beacon_worker_beat ON beacon_worker (last_beat_ms);
