-- What people see and choose of their own accounts. Times are milliseconds since 1970.

-- Where a login was made, in words ("Firefox · Android"); NULL where its client did not say.
ALTER TABLE logins ADD COLUMN device TEXT;
-- When it was last used, to ten minutes; NULL where that was not noted yet.
ALTER TABLE logins ADD COLUMN lastUsedAt INTEGER;

-- How a person's page looks, in every browser. NULL: as the browser has it.
ALTER TABLE users ADD COLUMN language TEXT;
ALTER TABLE users ADD COLUMN theme TEXT;
