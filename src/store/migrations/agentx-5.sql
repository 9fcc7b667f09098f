-- How deeply a conversation's model thinks: none, minimal, low, medium, high, xhigh, max; NULL: as the model decides.
ALTER TABLE images ADD COLUMN effort TEXT;

-- What stands before all messages of a conversation. The first row is sent with every request, since a model's signed
-- thinking is only good under exactly these words; what changed from a later turn on is told as a message in front of it.
CREATE TABLE preambles (
  sessionId TEXT NOT NULL REFERENCES sessions(sessionId) ON DELETE CASCADE,
  turnId    TEXT NOT NULL,
  ordinal   INTEGER NOT NULL,
  system    TEXT NOT NULL,
  -- JSON array of tools: name, description, schema.
  tools     TEXT NOT NULL,
  PRIMARY KEY (sessionId, ordinal)
);

-- Also where foreign keys are off, as they are in the sqlite3 program.
CREATE TRIGGER sessions_delete_preambles AFTER DELETE ON sessions BEGIN
  DELETE FROM preambles WHERE sessionId = OLD.sessionId;
END;
