-- Where several nodes share a store: the one home whose files a job works on; none = any.
ALTER TABLE jobs ADD COLUMN home TEXT;
