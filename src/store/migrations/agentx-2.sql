-- Files that people give to messages. The content lies below the container, named by its SHA-256.

CREATE TABLE files (
  fileId      TEXT PRIMARY KEY,
  containerId TEXT NOT NULL REFERENCES containers(containerId) ON DELETE CASCADE,
  sha256      TEXT NOT NULL,
  name        TEXT NOT NULL,
  mediaType   TEXT NOT NULL,
  size        INTEGER NOT NULL,
  -- 1 from the moment at which a message first carried it: it is kept as long as a message does.
  isAttached  INTEGER NOT NULL DEFAULT 0,
  createdAt   INTEGER NOT NULL
);
CREATE INDEX files_content ON files(containerId, sha256);

CREATE TABLE message_files (
  messageId TEXT NOT NULL REFERENCES messages(messageId) ON DELETE CASCADE,
  fileId    TEXT NOT NULL REFERENCES files(fileId) ON DELETE CASCADE,
  PRIMARY KEY (messageId, fileId)
);
CREATE INDEX message_files_file ON message_files(fileId);

-- Also where foreign keys are off, as they are in the sqlite3 program.
CREATE TRIGGER containers_delete_files AFTER DELETE ON containers BEGIN
  DELETE FROM files WHERE containerId = OLD.containerId;
END;
CREATE TRIGGER messages_delete_files AFTER DELETE ON messages BEGIN
  DELETE FROM message_files WHERE messageId = OLD.messageId;
END;
CREATE TRIGGER files_delete AFTER DELETE ON files BEGIN
  DELETE FROM message_files WHERE fileId = OLD.fileId;
END;
