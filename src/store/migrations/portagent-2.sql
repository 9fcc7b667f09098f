-- What administrators set while the server runs, and the last runs of scheduled jobs.

CREATE TABLE settings (
  key       TEXT PRIMARY KEY,
  value     TEXT NOT NULL,
  updatedAt INTEGER NOT NULL
);

-- One row a job, run by the server on its schedule or by a command.
CREATE TABLE jobs (
  name          TEXT PRIMARY KEY,
  lastStartedAt INTEGER,
  -- When it last came to an end, good or bad; and when it last came to a good one.
  lastEndedAt   INTEGER,
  lastOkAt      INTEGER,
  -- Why the last run failed; NULL when it did not.
  lastError     TEXT,
  -- What the last good run has to say, as JSON or a sentence.
  detail        TEXT
);
