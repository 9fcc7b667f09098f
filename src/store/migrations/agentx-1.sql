-- Conversations and what was said in them. Times are milliseconds since 1970.

CREATE TABLE containers (
  containerId TEXT PRIMARY KEY,
  createdAt   INTEGER NOT NULL,
  updatedAt   INTEGER NOT NULL
);

-- An image is what people call a conversation.
CREATE TABLE images (
  imageId      TEXT PRIMARY KEY,
  containerId  TEXT NOT NULL REFERENCES containers(containerId) ON DELETE CASCADE,
  sessionId    TEXT NOT NULL UNIQUE,
  name         TEXT NOT NULL DEFAULT '',
  description  TEXT,
  systemPrompt TEXT,
  model        TEXT,
  createdAt    INTEGER NOT NULL,
  updatedAt    INTEGER NOT NULL
);
CREATE INDEX images_container_activity ON images(containerId, updatedAt);

CREATE TABLE sessions (
  sessionId   TEXT PRIMARY KEY,
  imageId     TEXT NOT NULL REFERENCES images(imageId) ON DELETE CASCADE,
  containerId TEXT NOT NULL,
  createdAt   INTEGER NOT NULL,
  updatedAt   INTEGER NOT NULL,
  -- No event with a number above this one was ever sent: where counting goes on after a restart.
  seqReserved INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sessions_image ON sessions(imageId);

-- One question and all that was done to answer it.
CREATE TABLE turns (
  turnId              TEXT PRIMARY KEY,
  sessionId           TEXT NOT NULL REFERENCES sessions(sessionId) ON DELETE CASCADE,
  ordinal             INTEGER NOT NULL,
  userMessageId       TEXT NOT NULL,
  -- queued, running, completed, interrupted, error, limit
  state               TEXT NOT NULL,
  createdAt           INTEGER NOT NULL,
  endedAt             INTEGER,
  inputTokens         INTEGER NOT NULL DEFAULT 0,
  cacheCreationTokens INTEGER NOT NULL DEFAULT 0,
  cacheReadTokens     INTEGER NOT NULL DEFAULT 0,
  outputTokens        INTEGER NOT NULL DEFAULT 0,
  UNIQUE (sessionId, ordinal)
);
CREATE INDEX turns_open ON turns(state) WHERE state IN ('queued', 'running');

CREATE TABLE messages (
  messageId       TEXT PRIMARY KEY,
  sessionId       TEXT NOT NULL REFERENCES sessions(sessionId) ON DELETE CASCADE,
  turnId          TEXT,
  -- The turn's ordinal times 2^20 plus the place within the turn: a question that waits stands behind the answer
  -- that is still being written.
  position        INTEGER NOT NULL,
  role            TEXT NOT NULL,
  -- JSON array of parts.
  content         TEXT NOT NULL,
  -- complete, streaming, interrupted, superseded
  status          TEXT NOT NULL DEFAULT 'complete',
  model           TEXT,
  stopReason      TEXT,
  -- JSON object of token counts.
  usage           TEXT,
  clientMessageId TEXT,
  timestamp       INTEGER NOT NULL,
  UNIQUE (sessionId, position)
);
CREATE UNIQUE INDEX messages_client ON messages(sessionId, clientMessageId) WHERE clientMessageId IS NOT NULL;
CREATE INDEX messages_turn ON messages(turnId);
CREATE INDEX messages_streaming ON messages(status) WHERE status = 'streaming';

-- Also where foreign keys are off, as they are in the sqlite3 program: what hangs on a thing goes with it.
CREATE TRIGGER containers_delete AFTER DELETE ON containers BEGIN
  DELETE FROM images WHERE containerId = OLD.containerId;
END;
CREATE TRIGGER images_delete AFTER DELETE ON images BEGIN
  DELETE FROM sessions WHERE imageId = OLD.imageId;
END;
CREATE TRIGGER sessions_delete AFTER DELETE ON sessions BEGIN
  DELETE FROM messages WHERE sessionId = OLD.sessionId;
  DELETE FROM turns WHERE sessionId = OLD.sessionId;
END;
