-- Pages for those who look, each in the order of an index. What is open has an index that holds nothing else.
CREATE INDEX jobs_top_by_state ON jobs(state, created_ms) WHERE parent IS NULL;
CREATE INDEX jobs_top_by_workflow ON jobs(workflow, created_ms) WHERE parent IS NULL;
CREATE INDEX jobs_top_by_both ON jobs(workflow, state, created_ms) WHERE parent IS NULL;
CREATE INDEX assets_by_kind_and_id ON assets(kind, id) WHERE retired_ms IS NULL;
CREATE INDEX deliveries_owed ON deliveries(asset) WHERE state = 'owed';
CREATE INDEX subjects_by_type ON subjects(type);
