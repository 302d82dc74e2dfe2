-- What was found by walking what there is: the records of one document, the deliveries of one place in the order of their
-- assets, versions that were replaced, and local bytes in the order in which they may go.
CREATE INDEX outbox_by_document ON outbox(key, rev) WHERE op = 'put_record';
CREATE INDEX deliveries_by_place ON deliveries(destination, asset);
CREATE INDEX assets_retired ON assets(retired_ms, sha256) WHERE retired_ms IS NOT NULL;
CREATE INDEX blobs_by_use ON blobs(used_ms) WHERE state = 'present';
