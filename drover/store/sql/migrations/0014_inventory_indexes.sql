-- Jobs of a type in a status, and by when they were asked for or ended; devices by a number they are
-- known by.

CREATE INDEX execution_kind_status ON execution (kind, status, number);
CREATE INDEX execution_requested ON execution (requested_ms, number);
CREATE INDEX execution_completed ON execution (completed_ms, number) WHERE completed_ms IS NOT NULL;
CREATE INDEX device_fact_number ON device_fact (field, number, device_id) WHERE number IS NOT NULL;
