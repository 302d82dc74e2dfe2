CREATE TABLE photos(
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, sha256 TEXT NOT NULL, extension TEXT NOT NULL,
    original TEXT NOT NULL, first TEXT NOT NULL, model TEXT NOT NULL, is_group INTEGER NOT NULL, entered_ms INTEGER NOT NULL,
    rev INTEGER NOT NULL, settled INTEGER NOT NULL, taken_at TEXT) STRICT;
-- Two cameras give two photos one name; they were taken at different times.
CREATE INDEX photos_by_name ON photos(name);
CREATE INDEX photos_wanted ON photos(number) WHERE rev <> settled;
-- Every bytes that ever came in, so that none is taken twice.
CREATE TABLE seen(sha256 TEXT PRIMARY KEY, photo INTEGER NOT NULL, original TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- Who `is_local` is on this machine alone until somebody enrols them. `left` are folders they had; such as were here alone begin with `/`.
-- `became` is whom somebody turned out to be. Who is gone and has no name is being forgotten: the row goes once nothing of them is anywhere.
CREATE TABLE people(
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, folder TEXT NOT NULL, is_enrolled INTEGER NOT NULL,
    is_pinned INTEGER NOT NULL, is_gone INTEGER NOT NULL, consent_ms INTEGER, contact TEXT, "left" TEXT NOT NULL,
    rev INTEGER NOT NULL, settled INTEGER NOT NULL, became INTEGER, is_local INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX people_wanted ON people(number) WHERE rev <> settled;
CREATE UNIQUE INDEX people_folders ON people(folder) WHERE is_gone = 0;
CREATE TABLE selfies(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, model TEXT NOT NULL, template BLOB NOT NULL, crop BLOB NOT NULL) STRICT;
CREATE INDEX selfies_by_person ON selfies(person);
CREATE TABLE faces(
    id INTEGER PRIMARY KEY AUTOINCREMENT, photo INTEGER NOT NULL, x REAL NOT NULL, y REAL NOT NULL, width REAL NOT NULL,
    height REAL NOT NULL, score REAL NOT NULL, size_px INTEGER NOT NULL, sharpness REAL NOT NULL, turn REAL NOT NULL,
    model TEXT NOT NULL, template BLOB NOT NULL, crop BLOB NOT NULL,
    stands TEXT NOT NULL, person INTEGER, distance REAL, why TEXT NOT NULL, is_fixed INTEGER NOT NULL, is_founder INTEGER NOT NULL) STRICT;
CREATE INDEX faces_by_photo ON faces(photo);
CREATE INDEX faces_by_person ON faces(person, stands);
CREATE INDEX faces_in_review ON faces(id) WHERE stands = 'review';
CREATE TABLE ruled_out(face INTEGER NOT NULL, person INTEGER NOT NULL, PRIMARY KEY(face, person)) STRICT, WITHOUT ROWID;
-- People of whom somebody said that they are not one, the lower number first. Who turned out to be somebody stands here as before.
CREATE TABLE different(person INTEGER NOT NULL, other INTEGER NOT NULL, PRIMARY KEY(person, other)) STRICT, WITHOUT ROWID;
-- What was said, and how the faces and people it changed stood before: numbers only, and names of people.
CREATE TABLE corrections(id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, what TEXT NOT NULL, before TEXT NOT NULL) STRICT;
-- What lets guests join, one row at most; and those who consented, each known by the hash of their token.
CREATE TABLE invitation(id INTEGER PRIMARY KEY CHECK (id = 1), link TEXT, made_ms INTEGER NOT NULL, pin TEXT) STRICT;
CREATE TABLE guests(
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, person INTEGER, consent_ms INTEGER NOT NULL,
    made_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL) STRICT;
CREATE INDEX guests_by_person ON guests(person);
-- Folders of this machine that photos are taken from, further to the shoot's own.
CREATE TABLE incoming(place INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;
