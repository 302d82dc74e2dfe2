-- What steps sent outside: written before it is sent, and again with each answer. Costs are millionths of a US dollar.
CREATE TABLE attempts(
    job TEXT NOT NULL, step TEXT NOT NULL, number INTEGER NOT NULL, provider TEXT NOT NULL, state TEXT NOT NULL,
    external_id TEXT, cost_micros INTEGER, fault TEXT, began_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
    PRIMARY KEY(job, step, number)
) STRICT, WITHOUT ROWID;
