-- Branches: a question that is asked in other words, or once more, is a turn beside the old one. What was there before
-- this step is one branch. And conversations that people pin, or put away.

-- The ordinal of the turn before it, 0 for a first one; NULL: the next lower one.
ALTER TABLE turns ADD COLUMN parentOrdinal INTEGER;
-- 1: another one with the same parent is shown.
ALTER TABLE turns ADD COLUMN isOther INTEGER NOT NULL DEFAULT 0;
-- The turn whose question it repeats.
ALTER TABLE turns ADD COLUMN repeats TEXT;
-- The model that was named for this turn alone.
ALTER TABLE turns ADD COLUMN model TEXT;
CREATE INDEX turns_other ON turns(sessionId) WHERE isOther = 1;

ALTER TABLE images ADD COLUMN isPinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE images ADD COLUMN isArchived INTEGER NOT NULL DEFAULT 0;
CREATE INDEX images_list ON images(containerId, isArchived, updatedAt);
CREATE INDEX images_pinned ON images(containerId, isArchived, updatedAt) WHERE isPinned = 1;
DROP INDEX images_container_activity;
