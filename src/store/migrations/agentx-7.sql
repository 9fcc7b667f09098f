-- What models are told of tools stands once, in tool_sets; what a conversation was begun with refers to it.
ALTER TABLE preambles ADD COLUMN setDigest TEXT;
INSERT INTO tool_sets (digest, definitions, createdAt)
  SELECT 'preamble-' || min(rowid), tools, 0 FROM preambles GROUP BY tools;
UPDATE preambles SET setDigest = (
  SELECT digest FROM tool_sets WHERE definitions = preambles.tools AND digest LIKE 'preamble-%');
ALTER TABLE preambles DROP COLUMN tools;
CREATE INDEX preambles_set ON preambles(setDigest);
