-- A job is written four times in its life, and every index it is in costs a page of each commit.
-- Jobs of beacons belong to no application and no stored job: they are not looked for by these.

DROP INDEX execution_job;
CREATE INDEX execution_job ON execution (job_id, number) WHERE job_id IS NOT NULL;
DROP INDEX execution_application;
CREATE INDEX execution_application ON execution (application_id, number)
    WHERE application_id IS NOT NULL;
DROP INDEX execution_application_status;
CREATE INDEX execution_application_status ON execution (application_id, status, number)
    WHERE application_id IS NOT NULL;
