-- How much each conversation takes, so that what a person has stored is known when they store more. In bytes.

-- Its name, description and prompt, its messages, and 512 for itself and for each message: ids, numbers, indexes.
ALTER TABLE sessions ADD COLUMN storedBytes INTEGER NOT NULL DEFAULT 0;
-- The files of its agent, as last measured.
ALTER TABLE sessions ADD COLUMN fileBytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_stored ON sessions(containerId, storedBytes, fileBytes);
-- Files that people give to messages count by their own rows.
CREATE INDEX files_stored ON files(containerId, size);

UPDATE sessions SET storedBytes = coalesce((
  SELECT 512 + octet_length(name) + coalesce(octet_length(description), 0) + coalesce(octet_length(systemPrompt), 0)
  FROM images WHERE images.imageId = sessions.imageId), 0) + (
  SELECT coalesce(sum(512 + octet_length(content)), 0) FROM messages WHERE messages.sessionId = sessions.sessionId);

-- For other programs, as the sqlite3 program: ours counts without them. Old ones of these do not know octet_length.
CREATE TRIGGER sessions_stored_insert AFTER INSERT ON sessions WHEN NEW.storedBytes = 0 BEGIN
  UPDATE sessions SET storedBytes = coalesce((SELECT 512 + length(CAST(name AS BLOB))
    + coalesce(length(CAST(description AS BLOB)), 0) + coalesce(length(CAST(systemPrompt AS BLOB)), 0)
    FROM images WHERE imageId = NEW.imageId), 0) WHERE sessionId = NEW.sessionId;
END;
CREATE TRIGGER images_stored_update AFTER UPDATE OF name, description, systemPrompt, containerId ON images BEGIN
  UPDATE sessions SET containerId = NEW.containerId, storedBytes = storedBytes
    + length(CAST(NEW.name AS BLOB)) - length(CAST(OLD.name AS BLOB))
    + coalesce(length(CAST(NEW.description AS BLOB)), 0) - coalesce(length(CAST(OLD.description AS BLOB)), 0)
    + coalesce(length(CAST(NEW.systemPrompt AS BLOB)), 0) - coalesce(length(CAST(OLD.systemPrompt AS BLOB)), 0)
    WHERE sessionId = NEW.sessionId;
END;
CREATE TRIGGER messages_stored_insert AFTER INSERT ON messages BEGIN
  UPDATE sessions SET storedBytes = storedBytes + 512 + length(CAST(NEW.content AS BLOB))
    WHERE sessionId = NEW.sessionId;
END;
CREATE TRIGGER messages_stored_delete AFTER DELETE ON messages BEGIN
  UPDATE sessions SET storedBytes = storedBytes - 512 - length(CAST(OLD.content AS BLOB))
    WHERE sessionId = OLD.sessionId;
END;
CREATE TRIGGER messages_stored_update AFTER UPDATE OF content, sessionId ON messages BEGIN
  UPDATE sessions SET storedBytes = storedBytes - 512 - length(CAST(OLD.content AS BLOB))
    WHERE sessionId = OLD.sessionId;
  UPDATE sessions SET storedBytes = storedBytes + 512 + length(CAST(NEW.content AS BLOB))
    WHERE sessionId = NEW.sessionId;
END;
