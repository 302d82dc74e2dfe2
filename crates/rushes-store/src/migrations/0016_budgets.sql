-- What is set aside for an attempt before it is sent, in millionths of a US dollar; what is spent is asked by these.
ALTER TABLE attempts ADD COLUMN reserved_micros INTEGER NOT NULL DEFAULT 0;
CREATE INDEX attempts_by_time ON attempts(began_ms, provider);
CREATE INDEX attempts_open ON attempts(provider) WHERE state IN ('intent', 'submitted', 'unknown');
