-- Tools: which of them a conversation uses, what models were told of them, and what people have allowed.

CREATE TABLE image_tools (
  imageId   TEXT PRIMARY KEY REFERENCES images(imageId) ON DELETE CASCADE,
  -- JSON array of names of servers and built-in tools; NULL: the administrator's default.
  chosen    TEXT,
  -- What models are told, the same for as long as it is not changed; NULL before the first turn.
  setDigest TEXT
);
CREATE INDEX image_tools_set ON image_tools(setDigest);

-- Conversations with the same tools share a row.
CREATE TABLE tool_sets (
  digest      TEXT PRIMARY KEY,
  definitions TEXT NOT NULL,
  createdAt   INTEGER NOT NULL
);

-- A person allows a tool, in one conversation or, without one, in all.
CREATE TABLE tool_permissions (
  containerId TEXT NOT NULL REFERENCES containers(containerId) ON DELETE CASCADE,
  imageId     TEXT REFERENCES images(imageId) ON DELETE CASCADE,
  tool        TEXT NOT NULL,
  createdAt   INTEGER NOT NULL
);
CREATE UNIQUE INDEX tool_permissions_one ON tool_permissions(containerId, coalesce(imageId, ''), tool);
CREATE INDEX tool_permissions_image ON tool_permissions(imageId);

-- Also where foreign keys are off, as they are in the sqlite3 program.
CREATE TRIGGER images_delete_tools AFTER DELETE ON images BEGIN
  DELETE FROM image_tools WHERE imageId = OLD.imageId;
  DELETE FROM tool_permissions WHERE imageId = OLD.imageId;
END;
CREATE TRIGGER containers_delete_tools AFTER DELETE ON containers BEGIN
  DELETE FROM tool_permissions WHERE containerId = OLD.containerId;
END;
