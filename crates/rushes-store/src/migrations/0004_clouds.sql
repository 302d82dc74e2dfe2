-- Clouds: addresses that others can open, which may run out; uploads in parts that nobody finished.
ALTER TABLE deliveries ADD COLUMN link TEXT;
ALTER TABLE deliveries ADD COLUMN link_until_ms INTEGER;
CREATE INDEX deliveries_by_link_end ON deliveries(link_until_ms) WHERE link_until_ms IS NOT NULL;
CREATE INDEX outbox_uploads ON outbox(state) WHERE session IS NOT NULL;
