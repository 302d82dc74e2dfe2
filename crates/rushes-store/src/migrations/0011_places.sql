-- The places the configuration named when this home was worked on last, and the folder it was read in.
CREATE TABLE places (name TEXT PRIMARY KEY, uri TEXT NOT NULL, prefix TEXT NOT NULL, folder TEXT NOT NULL) STRICT;
