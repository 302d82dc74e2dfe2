-- Where several nodes share a store: the one home whose files a job works on; none = any.
ALTER TABLE jobs ADD COLUMN home TEXT;
-- And the one home that has the bytes an object is to be made of, as long as no place has them; none = any finds them.
ALTER TABLE outbox ADD COLUMN home TEXT;
